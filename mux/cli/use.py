"""``llm-mux use``: how to point a client at the server."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from mux.cli.configured import config_option, load_or_exit, server_url

_CLIENTS: Final = {
    "claude-code": """\
export ANTHROPIC_BASE_URL={url}
export ANTHROPIC_AUTH_TOKEN={key}
export ANTHROPIC_MODEL={model}
# lists your other models in /model, if their names begin with claude
export CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY=1
claude
""",
    "codex": """\
# ~/.codex/config.toml
model = "{model}"
model_provider = "llm-mux"

[model_providers.llm-mux]
name = "llm-mux"
base_url = "{url}/v1"
wire_api = "responses"
{codex_key}""",
    "gemini": """\
export GOOGLE_GEMINI_BASE_URL={url}
export GEMINI_API_KEY={key}
gemini --model {model}
""",
    "opencode": """\
// opencode.json
{{
  "$schema": "https://opencode.ai/config.json",
  "provider": {{
    "llm-mux": {{
      "npm": "@ai-sdk/openai-compatible",
      "name": "llm-mux",
      "options": {{"baseURL": "{url}/v1", "apiKey": "{key}"}},
      "models": {{"{model}": {{}}}}
    }}
  }}
}}
""",
    "aider": """\
export OPENAI_API_BASE={url}/v1
export OPENAI_API_KEY={key}
aider --model openai/{model}
""",
    "ollama-cli": """\
export OLLAMA_HOST={url}
ollama run {model}
""",
    "openai-sdk": """\
export OPENAI_BASE_URL={url}/v1
export OPENAI_API_KEY={key}
""",
    "anthropic-sdk": """\
export ANTHROPIC_BASE_URL={url}
export ANTHROPIC_API_KEY={key}
""",
}


@click.command()
@click.argument("client", type=click.Choice(list(_CLIENTS)))
@click.option("--model", default="MODEL", help="The model to write into the settings.")
@config_option
def use(client: str, model: str, config: Path | None) -> None:
    """Print how to point CLIENT at this server."""
    settings = load_or_exit(config).settings
    key = "llm-mux" if settings.disable_auth else "ONE-OF-YOUR-API-KEYS"
    text = _CLIENTS[client].format(
        url=server_url(settings),
        model=model,
        key=key,
        codex_key="" if settings.disable_auth else 'env_key = "LLM_MUX_API_KEY"\n',
    )
    click.echo(text, nl=False)
    if model == "MODEL" and "MODEL" in text:
        click.echo("MODEL is any name that `llm-mux models` lists.", err=True)
    if "export " in text:
        click.echo("Set these where the client runs, not where llm-mux itself does.", err=True)
