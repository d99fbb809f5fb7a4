"""The attributes of OTLP's records that are kept, and what is kept of each. [pure]"""

import re
from math import isfinite
from typing import Any

from usage.ingest.event import LONGEST_ID
from usage.ingest.fields import kept_id
from usage.ingest.otlp_messages import NO_NUMBER

PERSON = ("user.email", "enduser.id", "user.id", "gen_ai.user")
PERSON += ("traceloop.association.properties.user_id", "ai.telemetry.metadata.userId")
PERSON += ("mastra.metadata.userId", "langfuse.user.id")
# So LiteLLM passes on whose its key is.
PERSON += tuple(f"metadata.user_api_key_{name}" for name in ("user_email", "user_id", "alias"))
PERSON_AROUND = ("enduser.id", "user.email", "user.id")
PROJECT, TEAM, TEST_TYPE = ("project", "project.name"), "team.id", ("test_type",)
PROJECT += ("metadata.user_api_key_project_alias", "metadata.user_api_key_team_alias")
OPAQUE_IDS = ("user.account_id", "user.account_uuid", "user.id", "installation.id")
WHO_AND_WHAT_FOR = {*PERSON, *OPAQUE_IDS, *PROJECT, TEAM, *TEST_TYPE}
IDS = {"gen_ai.response.id", "anthropic.request.id", "request_id", "response_id"}
PARAMETERS = {"llm.invocation_parameters", "embedding.invocation_parameters"}
USAGE = {"ai.response.providerMetadata", "metadata.usage_object"}
USAGE |= {"langsmith.metadata.usage_metadata", "gcp.vertex.agent.llm_response"}
# Read as a whole, however many counts it holds.
WHOLE = {"langfuse.observation.usage_details", "mlflow.chat.tokenUsage"}
# What isn't named here never gets into a Record: prompts, command lines, system instructions.
NAMES = {
    "": """agent.name app.entrypoint app.version attempt auth_type cache_creation_tokens
        cache_read_tokens cache_write_token_count cached_content_token_count cached_token_count
        conversation.id cost_usd cost_usd_micros duration_ms effort embedding.model_name error.type
        event.kind event.name event.sequence event.timestamp http.response.status_code
        input_token_count input_tokens model openinference.span.kind organization.id originator
        output_token_count output_tokens prompt.id prompt_id query_source reasoning_token_count role
        service.name session.id slug source speed status_code success terminal.type test_type
        thoughts_token_count tool_token_count total_token_count traceloop.span.kind""",
    "gen_ai.": "operation.name provider.name request.model response.model system",
    "gen_ai.usage.": """cache_creation.input_tokens cache_creation_input_tokens
        cache_read.input_tokens cache_read_input_tokens cache_write.input_tokens completion_tokens
        details.reasoning_tokens details.thoughts_tokens experimental.reasoning_tokens
        input_tokens input_tokens.cache_write input_tokens.cached output_tokens
        output_tokens.reasoning prompt_tokens reasoning.output_tokens reasoning_tokens""",
    "llm.": """model_name provider request.model request.type response.model system
        usage.completion_tokens usage.prompt_tokens vendor""",
    "llm.token_count.": """completion completion_details.reasoning prompt prompt_details.cache_input
        prompt_details.cache_read prompt_details.cache_write""",
    "ai.": "model.id model.provider",
    "langsmith.": "span.kind",
    "langfuse.observation.": "level model.name type usage_details",
    "litellm.": "provider.model",
    "mlflow.": "chat.tokenUsage llm.model llm.provider spanType",
    "gcp.vertex.agent.": "event_id",
    "ai.usage.": """cachedInputTokens inputTokenDetails.cacheReadTokens
        inputTokenDetails.cacheWriteTokens reasoningTokens tokens""",
}
KEPT = frozenset({*WHO_AND_WHAT_FOR, *IDS, *PARAMETERS, *USAGE}).union(
    prefix + name for prefix, names in NAMES.items() for name in names.split()
)
COUNTED = frozenset(name for name in KEPT - WHOLE if "token" in name.lower())
LONGEST, LONGEST_USAGE = 512, 10_000
DETAILS = "cache_read|cache_creation|reasoning"
NUMBERS = rf"""["'](\w{{1,40}}_(?:tokens|token_count)|{DETAILS})["']: ?(\d{{1,15}})\b"""
COUNTS = re.compile(NUMBERS, re.ASCII)
REQUESTED = re.compile(r'"model"\s*:\s*"([^"\\]{1,200})"')


def keep(key: str, value: Any) -> tuple[str, Any] | None:
    """What is kept of an attribute; None for nothing."""
    if key not in KEPT:
        return None
    if type(value) is float and not isfinite(value):
        return _unreadable(key)
    if key in PARAMETERS:
        # OpenInference tells the requested model only here, among instructions.
        return key, found[1] if (found := REQUESTED.search(str(value))) else ""
    if key in USAGE or type(value) is not str or len(value) <= LONGEST_ID:
        return key, value
    if key in IDS:
        return key, kept_id(value)
    fits = len(value) <= (LONGEST_USAGE if key in WHOLE else LONGEST)
    return (key, value) if fits else _unreadable(key)


def _unreadable(key: str) -> tuple[str, float] | None:
    # Left out, a count would be taken for 0: so its adapter refuses the call.
    return (key, NO_NUMBER) if key in COUNTED else None


def unfold(kept: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a record, with the provider's own counts that stand in it as text."""
    if not kept.keys().isdisjoint(USAGE):
        # They are written out among other things; the outermost is first.
        for said in [kept.pop(key) for key in tuple(kept) if key in USAGE]:
            counts = str(said).rpartition('"usage_metadata":')[2][:LONGEST_USAGE]
            for name, count in COUNTS.findall(counts):
                kept.setdefault(f"usage.{name}", int(count))
    if NO_NUMBER in kept.values():
        counts = {name: kept[name] for name in kept if name in COUNTED}
        # So some tell that they know no usage: of the call there is nothing to be refused.
        if all(count is NO_NUMBER for count in counts.values()):
            return {name: kept[name] for name in kept if name not in counts}
    return kept
