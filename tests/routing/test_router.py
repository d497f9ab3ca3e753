"""Which providers take a model name, in which order, and what is said when none does."""

from __future__ import annotations

from pathlib import Path

import pytest

from mux.config import load
from mux.errors import InvalidRequest, NoProvider, NotFound
from mux.ir import Effort
from mux.models import Catalog
from mux.providers import from_settings
from mux.routing import Router

CATALOG = Catalog()
GPT, OTHER_GPT = list(CATALOG.known("openai"))[:2]
CLAUDE = next(iter(CATALOG.known("anthropic")))
GEMINI = next(iter(CATALOG.known("gemini")))

OPENAI_ = "{type: openai, api-key: sk-o}"
ANTHROPIC = "{type: anthropic, api-key: sk-a}"
GOOGLE = "{type: gemini, api-key: g}"
OLLAMA = "{type: ollama}"
ROUTER = "{type: openai, name: router, api-key: sk-r, base-url: 'https://router.example/v1'}"
LISTED = (
    "{type: openai, name: listed, base-url: 'http://127.0.0.1:1/v1',"
    " models: [plain, {name: org/model:7b, alias: short}]}"
)


@pytest.fixture
def router(tmp_path: Path):
    def make(*providers: str, routing: str = "{}") -> Router:
        path = tmp_path / "config.yaml"
        path.write_text(f"providers: [{', '.join(providers)}]\nrouting: {routing}\n")
        path.chmod(0o600)
        settings = load(path, {}, {}).settings
        return Router(from_settings(settings), settings, CATALOG)

    return make


def takers(made: Router, name: str) -> list[tuple[str, str]]:
    return [(c.provider.name, c.model) for c in made.candidates(name)]


# -- plain names ------------------------------------------------------------------------------


def test_a_known_model_goes_to_the_provider_that_has_it(router):
    made = router(OPENAI_, ANTHROPIC, GOOGLE, OLLAMA)
    assert takers(made, GPT) == [("openai", GPT)]
    assert takers(made, CLAUDE) == [("anthropic", CLAUDE)]
    assert takers(made, GEMINI) == [("gemini", GEMINI)]


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("gpt-99-turbo", "openai"),
        ("o9", "openai"),
        ("o9-mini", "openai"),
        ("chatgpt-99-latest", "openai"),
        ("ft:gpt-4o:org::id", "openai"),
        ("claude-nova-9", "anthropic"),
        ("gemini-99-pro", "gemini"),
        ("models/gemini-99-pro", "gemini"),
    ],
)
def test_a_model_newer_than_the_catalogue_goes_by_its_family(router, name: str, provider: str):
    made = router(OLLAMA, OPENAI_, ANTHROPIC, GOOGLE)
    assert takers(made, name) == [(provider, name.removeprefix("models/"))]


@pytest.mark.parametrize("name", ["openhermes", "o-live", "my-gpt-4o", "anthropic/claude-x"])
def test_a_name_that_only_looks_a_little_like_a_family_does_not(router, name: str):
    with pytest.raises(NotFound):
        router(OPENAI_, ANTHROPIC, GOOGLE).candidates(name)


def test_a_list_of_models_is_all_that_a_provider_has(router):
    made = router(LISTED)
    assert takers(made, "plain") == [("listed", "plain")]
    assert takers(made, "org/model:7b") == [("listed", "org/model:7b")]
    assert takers(made, "short") == [("listed", "org/model:7b")]
    for name in ("model", "org/model", "listed://else", GPT):
        with pytest.raises((NotFound, NoProvider)):
            made.candidates(name)


def test_hosts_that_may_have_anything_are_asked_only_for_what_nobody_is_known_to_have(router):
    made = router(OLLAMA, ROUTER, OPENAI_, LISTED)
    assert takers(made, "llama9:8b") == [("ollama", "llama9:8b"), ("router", "llama9:8b")]
    assert takers(made, "vendor/model:free") == [
        ("ollama", "vendor/model:free"),
        ("router", "vendor/model:free"),
    ]
    assert takers(made, GPT) == [("openai", GPT)]
    assert takers(made, "plain") == [("listed", "plain")]


def test_such_a_host_alone_is_asked_for_everything(router):
    assert takers(router(ROUTER), GPT) == [("router", GPT)]
    assert takers(router(OLLAMA), CLAUDE) == [("ollama", CLAUDE)]


def test_a_host_compatible_with_anthropic_has_claude_and_may_have_more(router):
    made = router("{type: anthropic, name: proxy, base-url: 'https://proxy.example'}", ROUTER)
    assert takers(made, CLAUDE) == [("proxy", CLAUDE)]
    assert takers(made, "kimi-k9") == [("proxy", "kimi-k9"), ("router", "kimi-k9")]


@pytest.mark.parametrize("name", ["../admin", "a/../b", "a/./b", "..", "a b", "a?b", "a#b", "a%2e"])
def test_T12_a_name_that_could_leave_its_place_in_a_url_is_nobodys(router, name: str):
    for made in (router(ROUTER), router(OLLAMA)):
        with pytest.raises(NotFound):
            made.candidates(name)
        with pytest.raises(NotFound):
            made.candidates(f"{made.providers[0].name}://{name}")


def test_ids_with_all_that_ids_have_are_passed_on(router):
    for name in ("@cf/meta/llama-3.1-8b", "~x", "hf.co/u/m:Q4_K_M", "a+b", "v1..2"):
        assert takers(router(OLLAMA), name) == [("ollama", name)]


def test_names_are_case_sensitive(router):
    with pytest.raises(NotFound):
        router(OPENAI_).candidates(GPT.upper())


def test_what_is_no_name_is_the_clients_mistake(router):
    for made in (router(OPENAI_), router(OLLAMA, routing="{aliases: {a: b}}")):
        for name in ("", "a\nb"):
            with pytest.raises(InvalidRequest):
                made.candidates(name)


# -- :latest ----------------------------------------------------------------------------------


def test_P159_latest_is_ignored_where_the_plain_name_is_known(router):
    made = router(OPENAI_, LISTED, OLLAMA, routing="{aliases: {fast: plain}}")
    assert takers(made, f"{GPT}:latest") == [("openai", GPT)]
    assert takers(made, "short:latest") == [("listed", "org/model:7b")]
    assert takers(made, "fast:latest") == [("listed", "plain")]
    assert takers(made, "llama9:latest") == [("ollama", "llama9:latest")]


# -- forced providers -------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["anthropic", "claude", "Claude", "ANTHROPIC"])
def test_a_scheme_forces_a_type_in_any_case_and_with_its_synonyms(router, scheme: str):
    made = router(OPENAI_, ANTHROPIC)
    assert takers(made, f"{scheme}://{CLAUDE}") == [("anthropic", CLAUDE)]
    assert takers(made, f"{scheme}:/{CLAUDE}") == [("anthropic", CLAUDE)]


def test_a_forced_provider_takes_any_name(router):
    made = router(OPENAI_, ROUTER, OLLAMA)
    assert takers(made, "openai://nobody-knows-me") == [("openai", "nobody-knows-me")]
    assert takers(made, f"ollama://{GPT}") == [("ollama", GPT)]
    assert takers(made, f"router://{GPT}") == [("router", GPT)]
    assert takers(made, f"ROUTER://{GPT}") == [("router", GPT)]


def test_a_name_goes_before_a_type(router):
    made = router("{type: ollama, name: box}", "{type: ollama, name: ollama}")
    assert takers(made, "ollama://m") == [("ollama", "m")]


def test_a_type_means_all_its_providers_the_surer_ones_first_and_alone(router):
    own = "{type: openai, name: work, api-key: sk-w}"
    second = "{type: openai, name: home, api-key: sk-h}"
    made = router(ROUTER, own, second)
    assert takers(made, f"openai://{GPT}") == [("work", GPT), ("home", GPT)]
    assert takers(made, "openai://any") == [("router", "any"), ("work", "any"), ("home", "any")]


def test_an_unknown_scheme_lists_the_valid_ones(router):
    with pytest.raises(NotFound, match=r"Unknown provider foo://.*anthropic.*claude.*router") as it:
        router(OPENAI_, ROUTER).candidates("foo://m")
    assert it.value.status == 404
    assert it.value.param == "model"


def test_a_type_without_a_provider_says_how_to_get_one(router):
    with pytest.raises(NoProvider, match=r"type gemini is configured: set GEMINI_API_KEY") as it:
        router(OPENAI_).candidates("google://gemini-2.5-pro")
    assert it.value.status == 503
    with pytest.raises(NoProvider, match="add a provider of type bedrock"):
        router(OPENAI_).candidates("bedrock://m")


def test_a_scheme_without_a_model_is_not_found(router):
    with pytest.raises(NotFound):
        router(OLLAMA).candidates("ollama://")


# -- aliases and fallbacks --------------------------------------------------------------------


def test_an_alias_is_looked_up_on_the_whole_string_before_anything_else(router):
    aliases = "{aliases: {'openai://x': plain, 'models/y': short, fast: 'router://vendor/m'}}"
    made = router(OPENAI_, ROUTER, LISTED, routing=aliases)
    assert takers(made, "openai://x") == [("listed", "plain")]
    assert takers(made, "models/y") == [("listed", "org/model:7b")]
    assert takers(made, "fast") == [("router", "vendor/m")]


@pytest.mark.parametrize("helper", ["gemini-2.5-flash-lite", "gemini-3-flash-preview"])
def test_P152_the_helper_models_of_geminis_cli_go_where_an_alias_says(router, helper: str):
    """The program asks for them beside the model its user chose, and ends if there is none."""
    with pytest.raises((NotFound, NoProvider)):
        router(ANTHROPIC).candidates(helper)
    made = router(ANTHROPIC, routing=f"{{aliases: {{{helper}: {CLAUDE}}}}}")
    assert takers(made, helper) == [("anthropic", CLAUDE)]
    assert helper in {listed.id for listed in made.models()}


def test_an_alias_may_stand_for_another_and_a_circle_ends(router):
    made = router(LISTED, routing="{aliases: {a: b, b: plain, c: d, d: c}}")
    assert takers(made, "a") == [("listed", "plain")]
    with pytest.raises(NotFound):
        made.candidates("c")


def test_a_providers_alias_beats_a_scheme_and_adds_to_who_has_the_name(router):
    mine = "{type: openai, name: mine, base-url: 'http://127.0.0.1:2/v1', models: [%s]}"
    odd = mine % "{name: real, alias: 'openai://odd'}"
    assert takers(router(OPENAI_, odd), "openai://odd") == [("mine", "real")]
    same = mine % f"{{name: vendor/x, alias: {GPT}}}"
    assert takers(router(same, OPENAI_), GPT) == [("mine", "vendor/x"), ("openai", GPT)]


def test_what_was_asked_for_is_kept_beside_the_upstreams_name(router):
    (candidate,) = router(LISTED).candidates("short")
    assert (candidate.requested, candidate.model) == ("short", "org/model:7b")


def test_fallbacks_come_after_all_that_have_the_model(router):
    routing = (
        f"{{fallbacks: {{{GPT}: [{CLAUDE}, nobody-has-me, plain]}}, aliases: {{smart: {GPT}}}}}"
    )
    made = router(LISTED, ANTHROPIC, OPENAI_, routing=routing)
    expected = [("openai", GPT), ("anthropic", CLAUDE), ("listed", "plain")]
    assert takers(made, GPT) == expected
    assert takers(made, "smart") == expected
    assert {c.requested for c in made.candidates("smart")} == {"smart"}


def test_fallbacks_stand_in_for_a_model_nobody_has(router):
    made = router(LISTED, routing="{fallbacks: {gone: [plain], lost: [gone2]}}")
    assert takers(made, "gone") == [("listed", "plain")]
    with pytest.raises(NotFound, match="'lost'"):
        made.candidates("lost")


# -- order ------------------------------------------------------------------------------------


def test_priority_then_the_order_of_the_file_then_that_of_the_keys(router):
    text = "{type: ollama, name: %s}"
    made = router(
        text % "late",
        "{type: openai, name: keys, base-url: 'http://127.0.0.1:1/v1', api-keys: [sk-1, sk-2]}",
        text % "same",
        text % "first",
        routing="{provider-priority: {first: -1, late: 5}}",
    )
    found = [(c.provider.name, c.key.key.reveal()) for c in made.candidates("m")]
    assert found == [
        ("first", ""),
        ("keys", "sk-1"),
        ("keys", "sk-2"),
        ("same", ""),
        ("late", ""),
    ]
    assert [provider.name for provider in made.providers] == ["first", "keys", "same", "late"]


# -- nobody -----------------------------------------------------------------------------------


def test_without_any_provider_the_error_says_what_to_do(router):
    for name in (GPT, "anything", "openai://x"):
        with pytest.raises(NoProvider) as caught:
            router().candidates(name)
        assert caught.value.status == 503
        for way in ("OPENAI_API_KEY", "config.yaml", "llm-mux init", "llm-mux demo"):
            assert way in caught.value.message


def test_an_unknown_model_is_404_with_near_names(router):
    with pytest.raises(NotFound, match=r"Near names: .*plain") as caught:
        router(LISTED).candidates("plan")
    assert caught.value.status == 404
    assert caught.value.param == "model"


def test_a_known_model_of_a_vendor_without_provider_is_503_and_says_how_to_get_one(router):
    with pytest.raises(NoProvider, match=f"{CLAUDE} is a model of Anthropic.*ANTHROPIC_API_KEY"):
        router(OPENAI_).candidates(CLAUDE)


def test_excluded_models_are_nobodys_however_they_are_asked_for(router):
    made = router(
        f"{{type: openai, api-key: sk-o, excluded-models: ['{GPT}', '*-secret']}}",
        "{type: ollama, models: [a, {name: b, alias: c}], excluded-models: [b]}",
    )
    for name in (GPT, f"openai://{GPT}", "gpt-9-secret", "openai://x-secret", "b", "c"):
        with pytest.raises(NotFound):
            made.candidates(name)
    assert takers(made, "a") == [("ollama", "a")]
    listed = {row.id for row in made.models()}
    assert "a" in listed
    assert not {GPT, "b", "c"} & listed


# -- abilities --------------------------------------------------------------------------------


def test_what_the_configuration_knows_lies_over_what_the_catalogue_knows(router):
    made = router(
        "{type: ollama, abilities: {vision: false, context: 1000, efforts: [low]},"
        " models: [plain, {name: big, alias: large, context: 9000, tools: false}]}"
    )
    (plain,) = made.candidates("plain")
    (big,) = made.candidates("large")
    base = CATALOG.abilities("ollama", "plain")
    assert (plain.abilities.vision, plain.abilities.context) == (False, 1000)
    assert plain.abilities.efforts == (Effort.LOW,)
    assert plain.abilities.tools == base.tools
    assert (big.abilities.vision, big.abilities.context, big.abilities.tools) == (
        False,
        9000,
        False,
    )


def test_without_overrides_the_catalogue_alone_speaks(router):
    (candidate,) = router(ANTHROPIC).candidates(CLAUDE)
    assert candidate.abilities == CATALOG.abilities("anthropic", CLAUDE)


# -- the list ---------------------------------------------------------------------------------


def test_the_list_has_every_name_once_aliases_included(router):
    made = router(
        ANTHROPIC,
        f"{{type: openai, name: twice, base-url: 'http://127.0.0.1:1/v1', models: [{CLAUDE}]}}",
        LISTED,
        OLLAMA,
        routing="{aliases: {fast: short, nowhere: nobody-has-this}}",
    )
    rows = made.models()
    ids = [row.id for row in rows]
    assert len(ids) == len(set(ids))
    assert set(ids) == {*CATALOG.known("anthropic"), "plain", "org/model:7b", "short", "fast"} | {
        "nowhere"  # Ollama may have it
    }
    by_id = {row.id: row for row in rows}
    assert (by_id[CLAUDE].provider_type, by_id[CLAUDE].owned_by) == ("anthropic", "anthropic")
    fast = by_id["fast"]
    assert (fast.provider_type, fast.owned_by) == ("openai-compatible", "listed")
    assert fast.model == "org/model:7b"


def test_an_alias_of_what_nobody_has_is_not_listed(router):
    made = router(LISTED, routing="{aliases: {nowhere: nobody-has-this}}")
    assert "nowhere" not in {row.id for row in made.models()}


def test_owners_are_the_vendors_at_their_own_hosts(router):
    rows = {row.id: row for row in router(OPENAI_, GOOGLE).models()}
    assert rows[GPT].owned_by == "openai"
    assert rows[GEMINI].owned_by == "google"


def test_rows_can_be_described(router):
    made = router(ANTHROPIC)
    row = next(row for row in made.models() if row.id == CLAUDE)
    assert made.describe(row) == CATALOG.describe("anthropic", CLAUDE)


def test_F46_a_description_tells_what_the_configuration_knows_better(router):
    made = router("{type: ollama, models: [{name: m, context: 777, vision: false, tools: true}]}")
    info = made.describe(made.models()[0])
    assert info.context == 777
    assert "vision" not in info.capabilities
    assert "tools" in info.capabilities


def test_without_providers_the_list_is_empty(router):
    assert router().models() == []
