"""Roads in: every format becomes the one Event, and record() is the only writer."""

from types import ModuleType

from usage.ingest import litellm, native, telemetry

ADAPTERS: dict[str, ModuleType] = {"native": native, "litellm": litellm, "otlp": telemetry}
