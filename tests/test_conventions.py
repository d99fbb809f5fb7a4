"""What a newcomer may rely on: one direction of imports, sizes, names, plain templates."""

import ast
import re
import sys
from pathlib import Path

import pytest

from usage.ingest import ADAPTERS as REGISTRY

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    file
    for pattern in ("*.py", "views/*.py", "usage/**/*.py")
    for file in ROOT.glob(pattern)
    if file.name != "gunicorn.conf.py"
)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static" / "js").glob("*.js"))
STYLES = sorted((ROOT / "static" / "css").glob("*.css"))
ADAPTERS = [f"{module.__name__.replace('.', '/')}.py" for module in REGISTRY.values()]
PURE = (
    "usage/horizon.py",
    "usage/arguments.py",
    "usage/scope.py",
    "usage/window.py",
    "usage/pricing.py",
    "usage/charts.py",
    "usage/export.py",
    "usage/movement.py",
    "usage/timeline.py",
    "usage/demo.py",
    "usage/counting.py",
    "usage/ingest/event.py",
    "usage/ingest/native_fields.py",
    "usage/ingest/call_names.py",
    "usage/ingest/json_text.py",
    "usage/ingest/wire.py",
    "usage/ingest/body.py",
    "usage/ingest/literals.py",
    "usage/ingest/fields.py",
    "usage/ingest/usage_reports.py",
    "usage/ingest/otlp.py",
    "usage/ingest/otlp_attributes.py",
    "usage/ingest/genai_frame.py",
    "usage/ingest/otlp_messages.py",
    "usage/ingest/otlp_protobuf.py",
    *ADAPTERS,
)
DECODERS = {"pydantic", "pydantic_core", "google", "opentelemetry"}
# What a named tuple offers to anyone.
OFFERED = {"_make", "_replace", "_asdict", "_fields"}
BANNED_NAMES = {"utils", "helpers", "common", "manager", "service", "misc"}


def name(file):
    return file.relative_to(ROOT).as_posix()


def tree(file):
    return ast.parse(file.read_text())


def imports(file):
    """Every module a file imports, as dotted names."""
    found = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def functions(file):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree(file)) if isinstance(node, kinds)]


def layer(file):
    return name(file).split("/")[0].removesuffix(".py")


@pytest.mark.parametrize("file", SOURCES, ids=name)
def test_imports_point_one_way(file):
    allowed = {
        "app": {"views", "usage", "models", "peewee", "playhouse", "flask", "flask_compress"},
        "views": {"views", "usage", "flask", "flask_htmx", "werkzeug"},
        "usage": {"usage", "models", "peewee", "playhouse"},
        "models": {"peewee", "playhouse"},
    }[layer(file)]
    ours = {"app", "views", "usage", "models", "tests", "migrations"}
    web = {"flask", "flask_htmx", "flask_compress", "werkzeug", "jinja2"}
    database = {"peewee", "playhouse"}

    tops = {module.split(".")[0] for module in imports(file)}

    assert tops & (ours | web | database) - {"jinja2"} <= allowed


@pytest.mark.parametrize("file", PURE)
def test_pure_modules_know_only_each_other_and_a_decoder(file):
    pure = {path.removesuffix(".py").replace("/", ".") for path in PURE}

    for module in imports(ROOT / file):
        top = module.split(".")[0]
        ours = any(module == one or module.startswith(f"{one}.") for one in pure)
        ours = ours or module == "usage.ingest"
        assert top in sys.stdlib_module_names | DECODERS or ours, module


@pytest.mark.parametrize("file", SOURCES, ids=name)
def test_no_import_hides_inside_a_function(file):
    for function in functions(file):
        inner = [n for n in ast.walk(function) if isinstance(n, ast.Import | ast.ImportFrom)]
        assert not inner, function.name


@pytest.mark.parametrize("file", SOURCES, ids=name)
def test_modules_and_functions_are_of_a_readable_size(file):
    # A list of tables has one reason to change, however long it grows.
    most = 600 if name(file) == "models.py" else 250
    assert file.read_text().count("\n") <= most
    for function in functions(file):
        assert function.end_lineno - function.lineno < 40, function.name


@pytest.mark.parametrize("file", ADAPTERS)
def test_an_adapter_is_short(file):
    assert (ROOT / file).read_text().count("\n") <= 150


@pytest.mark.parametrize("file", SOURCES, ids=name)
def test_what_is_private_stays_in_its_module(file):
    parts = {part for module in imports(file) for part in module.split(".")}
    reached = [
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if re.match("_[^_]", node.attr) and node.value.id in parts and node.attr not in OFFERED
    ]

    assert not [part for part in parts if part.startswith("_")] + reached


@pytest.mark.parametrize("file", SOURCES, ids=name)
def test_modules_and_public_functions_say_what_they_are(file):
    assert ast.get_docstring(tree(file))
    for node in tree(file).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            private = name(file) == "models.py" and node.name == "Table"
            assert private or ast.get_docstring(node), node.name


@pytest.mark.parametrize("file", [file for file in SOURCES if layer(file) == "usage"], ids=name)
def test_the_domain_is_annotated(file):
    for function in functions(file):
        arguments = [*function.args.args, *function.args.kwonlyargs]
        bare = [a.arg for a in arguments if not a.annotation and a.arg not in ("self", "cls")]
        assert not bare, function.name


@pytest.mark.parametrize("file", [*SOURCES, *TEMPLATES, *SCRIPTS, *STYLES], ids=name)
def test_no_room_is_called_a_cupboard(file):
    assert file.stem.strip("_") not in BANNED_NAMES


def test_one_python_file_names_htmx_headers():
    assert [name(file) for file in SOURCES if "HX-" in file.read_text()] == ["views/responses.py"]


def test_htmx_stands_in_one_file_with_its_version():
    assert [file.name for file in (ROOT / "static" / "vendor").iterdir()] == ["htmx-2.0.11.min.js"]


@pytest.mark.parametrize("file", TEMPLATES, ids=name)
def test_templates_are_short_introduced_and_free_of_inline_code(file):
    text = file.read_text()
    fragment = file.name.startswith("_")

    assert text.startswith("{#")
    assert text.count("\n") <= 80
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|hx-on", text)
    assert not fragment or "Context:" in text or "answer to a filter" in text


@pytest.mark.parametrize("file", SCRIPTS, ids=name)
def test_a_script_is_one_short_behaviour(file):
    assert file.read_text().startswith("/*")
    assert file.read_text().count("\n") < 100


def test_all_scripts_together_stay_small():
    assert sum(file.read_text().count("\n") for file in SCRIPTS) < 300


@pytest.mark.parametrize("file", [f for f in STYLES if f.name != "tokens.css"], ids=name)
def test_only_tokens_name_colours(file):
    text = file.read_text()

    assert not re.search(r"#[0-9a-f]{3,8}\b|\brgb|\bhsl|\boklch", text)
    assert not re.search(r"^\s*(?:body|table|td|th|a|button|input|p|h\d)\s*\{", text, re.M)


def test_the_readme_describes_every_setting_as_it_is():
    from usage.settings import Settings

    readme = (ROOT / "README.md").read_text()
    for field in Settings.__dataclass_fields__.values():
        default = field.metadata["default"]
        row = f"| `{field.name.upper()}` | {f'`{default}`' if default else ''} |"
        assert f"{row} {field.metadata['help']} |" in readme


def test_requirements_are_pinned():
    for file in ("requirements.txt", "requirements-oidc.txt", "requirements-dev.txt"):
        lines = (ROOT / file).read_text().split("\n")
        assert all(re.fullmatch(r"(-r .+|[\w.\-\[\]]+==[\w.]+|)", line) for line in lines)


def test_nothing_speaks_of_a_machine():
    for file in [*SOURCES, *TEMPLATES, *SCRIPTS, *STYLES, ROOT / "README.md", ROOT / "Makefile"]:
        assert not re.search(r"(?<![\w.])/(?:work|home|root)/", file.read_text()), file
