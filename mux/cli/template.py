"""The configuration that ``llm-mux init`` writes: every key, as comments."""

from __future__ import annotations

from typing import Final

CONFIG: Final = """\
# Every key there is, with its default. `llm-mux check` tells what is wrong with this file.
# Any of them can also be given as LLM_MUX_<KEY>, as in LLM_MUX_PORT=9000.

# host: 127.0.0.1
# port: 8317
# workers: 1
# debug: false

# Who may connect. A host that other machines can reach needs `disable-auth: false` and keys.
# disable-auth: true
# api-keys: []                        # `llm-mux keys new` makes one: a text, or with limits
# # - {key: …, name: ci, limits: {requests-per-minute: 60, tokens-per-day: 1000000}}
# # - {key: …, name: guest, limits: {cost-per-month: 20}}   # in US dollars
# allow-unauthenticated-remote: false
# allowed-hosts: [mux.example.com]            # names for us beside localhost, as a proxy has them
# allowed-origins: [https://app.example.com]  # web pages that may use us; by default none may

# Whom to ask. Without any, OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY and OLLAMA_HOST
# define providers by themselves.
providers: []
#  - type: anthropic
#    api-key: ${ANTHROPIC_API_KEY}
#  - type: openai
#    api-keys:                        # several keys, asked one after another
#      - ${OPENAI_API_KEY}
#      - {key: sk-second, proxy-url: socks5://127.0.0.1:1080}
#  - type: gemini
#    api-key: ${GEMINI_API_KEY}
#    excluded-models: ["*-preview"]
#  - type: ollama
#    base-url: http://localhost:11434
#  - type: openai                     # any OpenAI-compatible host
#    name: local
#    base-url: http://localhost:1234/v1
#    models:
#      - {name: qwen3-coder, alias: coder, context: 32768, vision: false}
#    headers: {x-team: research}
#    dialect: [openai-chat, openai-responses]
#    abilities: {think-tags: true}

# routing:
#   provider-priority: {anthropic: 1, local: 2}   # lower is asked first
#   aliases: {fast: gemini-2.5-flash}
#   fallbacks: {gemini-2.5-pro: [claude-sonnet-4-5]}

# proxy-url: ""                       # http, https or socks5; also per provider and per key
# request-retry: 3
# max-retry-interval: 30s
# connect-timeout: 3s
# first-byte-timeout: 10m
# stream-timeout: 5m                  # silence in the middle of an answer
# request-timeout: 1h                 # a whole answer
# shutdown-grace: 10s                 # for requests that run when the server is stopped
# max-request-size: 50 MB
# max-response-size: 100 MB
# memory-limit: 2 GB                  # 503 over it; by default three quarters of the machine's
# disable-cooling: false
# quota-exceeded: {switch-project: true, switch-preview-model: true}

# auth-dir: auth                      # credential files, beside this one
# log-format: console                 # or json: one object a line
# logging-to-file: false              # logs/main.log beside this file, JSON lines
# request-log: false                  # a file for each request, with prompts and answers
# tracing: false                      # OpenTelemetry; needs `pip install 'llm-mux[otel]'`
# usage-statistics-enabled: true
# ws-auth: true                       # sockets need a key where requests do
# oauth-excluded-models: {vertex: ["*-preview"]}
# strict: false                       # refuse what a translation would lose, as x-mux-strict: 1
# tls: {enable: false, cert: cert.pem, key: key.pem}
# remote-management: {allow-remote: false}
# usage:                              # dsn: sqlite://FILE, postgres://…, "" = off
#   {batch-size: 100, flush-interval: 5s, retention-days: 30}

# payload:
#   default: [{models: [{name: "gemini-*"}], params: {generationConfig.topK: 40}}]
#   override: []
"""
