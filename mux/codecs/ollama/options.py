"""``options``: the sampling parameters, and the runner's own that only this dialect knows."""

from __future__ import annotations

from mux.codecs.ollama._wire import DIALECT
from mux.ir import Loss, LossKind, Object, Request, Sampling
from mux.wire import Doc


def decode_options(doc: Doc | None) -> tuple[Sampling, int | None, tuple[str, ...], Object]:
    """Sampling, output limit, stop strings, and the options no other dialect has.

    A limit of zero or less means none and a negative seed a random one: both stay here.
    """
    if doc is None:
        return Sampling(), None, (), {}
    limit = doc.get_int("num_predict")
    seed = doc.get_int("seed")
    stop = doc.get("stop")
    sampling = Sampling(
        temperature=doc.get_float("temperature"),
        top_p=doc.get_float("top_p"),
        top_k=doc.get_int("top_k"),
        min_p=doc.get_float("min_p"),
        seed=seed if seed is not None and seed >= 0 else None,
        presence_penalty=doc.get_float("presence_penalty"),
        frequency_penalty=doc.get_float("frequency_penalty"),
        repeat_penalty=doc.get_float("repeat_penalty"),
    )
    rest = doc.rest()
    if limit is not None and limit <= 0:
        rest["num_predict"] = limit
        limit = None
    if seed is not None and seed < 0:
        rest["seed"] = seed
    return sampling, limit, stop.strings() if stop is not None else (), rest


def encode_options(request: Request, losses: list[Loss]) -> Object:
    """The ``options`` object, empty if the client asked for nothing."""
    sampling = request.sampling
    values: Object = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "repeat_penalty": sampling.repeat_penalty,
        "num_predict": request.max_output,
        "stop": list(request.stop) or None,
    }
    if sampling.logit_bias:
        losses.append(Loss(LossKind.DROP, "logit_bias"))
    asked: Object = {key: value for key, value in values.items() if value is not None}
    own = request.own(DIALECT).get("options")
    return {**own, **asked} if isinstance(own, dict) else asked
