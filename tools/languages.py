"""The languages that symbols are known of: one row each, with the query that finds definitions.

In a query `@name` is the name, `@owner` what a Go method or the like belongs to, and the third
capture the kind of the definition. `@scope` (a namespace) and `@body` (what holds methods) qualify
the names inside them and are no definitions themselves. The first pattern that fits a node counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """One row: where its grammar is, which files it is for, what its definitions look like."""

    name: str
    module: str
    extensions: tuple[str, ...]
    query: str
    function: str = "language"
    programs: tuple[str, ...] = ()  # interpreters on a `#!` line
    verbatim: frozenset[str] = frozenset()  # literals in which indentation counts


_PYTHON = """
(function_definition name: (identifier) @name) @function
(class_definition name: (identifier) @name) @class
"""

_VALUES = "[(arrow_function) (function_expression) (generator_function)]"
_JAVASCRIPT_COMMON = f"""
(function_declaration name: (identifier) @name) @function
(generator_function_declaration name: (identifier) @name) @function
(method_definition name: (_) @name) @function
(variable_declarator name: (identifier) @name value: {_VALUES}) @function
(variable_declarator name: (identifier) @name value: (class)) @class
(assignment_expression left: (member_expression) @name right: {_VALUES}) @function
(variable_declarator name: (identifier) @name value: (object)) @body
(pair key: (property_identifier) @name value: {_VALUES}) @function
"""
_JAVASCRIPT = (
    _JAVASCRIPT_COMMON
    + f"""
(class_declaration name: (identifier) @name) @class
(field_definition property: (_) @name value: {_VALUES}) @function
"""
)
_TYPESCRIPT = (
    _JAVASCRIPT_COMMON
    + f"""
(class_declaration name: (type_identifier) @name) @class
(abstract_class_declaration name: (type_identifier) @name) @class
(interface_declaration name: (type_identifier) @name) @interface
(type_alias_declaration name: (type_identifier) @name) @type
(enum_declaration name: (identifier) @name) @type
(function_signature name: (identifier) @name) @function
(method_signature name: (_) @name) @function
(abstract_method_signature name: (_) @name) @function
(public_field_definition name: (_) @name value: {_VALUES}) @function
(internal_module name: (_) @name) @scope
(module name: (_) @name) @scope
"""
)
_GO = """
(function_declaration name: (identifier) @name) @function
(method_declaration
  receiver: (parameter_list (parameter_declaration type: [
    (type_identifier) @owner
    (pointer_type (type_identifier) @owner)
    (generic_type type: (type_identifier) @owner)
    (pointer_type (generic_type type: (type_identifier) @owner))]))
  name: (field_identifier) @name) @method
(type_spec name: (type_identifier) @name type: (struct_type)) @class
(type_spec name: (type_identifier) @name type: (interface_type)) @interface
(type_spec name: (type_identifier) @name) @type
(type_alias name: (type_identifier) @name) @type
"""
_RUST = """
(function_item name: (identifier) @name) @function
(function_signature_item name: (identifier) @name) @function
(struct_item name: (type_identifier) @name) @class
(union_item name: (type_identifier) @name) @class
(enum_item name: (type_identifier) @name) @class
(trait_item name: (type_identifier) @name) @interface
(type_item name: (type_identifier) @name) @type
(macro_definition name: (identifier) @name) @macro
(impl_item type: (_) @name) @body
(mod_item name: (identifier) @name body: (_)) @scope
"""
_JAVA = """
(class_declaration name: (identifier) @name) @class
(record_declaration name: (identifier) @name) @class
(enum_declaration name: (identifier) @name) @class
(interface_declaration name: (identifier) @name) @interface
(annotation_type_declaration name: (identifier) @name) @interface
(method_declaration name: (identifier) @name) @function
(constructor_declaration name: (identifier) @name) @function
"""
_C_NAMES = "(identifier) (field_identifier) (qualified_identifier) (destructor_name)"
_C_NAMES += " (operator_name)"


def _c_functions(names: str) -> str:
    plain = f"(function_declarator declarator: [{names}] @name)"
    pointers = f"(pointer_declarator declarator: {plain})"
    twice = f"(pointer_declarator declarator: {pointers})"
    return "\n".join(
        f"(function_definition declarator: {declarator}) @function"
        for declarator in (plain, pointers, twice)
    )


_C_TYPES = """
(struct_specifier name: (type_identifier) @name body: (_)) @class
(union_specifier name: (type_identifier) @name body: (_)) @class
(enum_specifier name: (type_identifier) @name body: (_)) @type
(type_definition declarator: (type_identifier) @name) @type
(preproc_function_def name: (identifier) @name) @macro
"""
_C = _c_functions("(identifier)") + _C_TYPES
_CPP = (
    _c_functions(_C_NAMES)
    + f"""
(function_definition declarator: (reference_declarator
  (function_declarator declarator: [{_C_NAMES}] @name))) @function
(class_specifier name: (_) @name body: (_)) @class
(namespace_definition name: (_) @name) @scope
(alias_declaration name: (type_identifier) @name) @type
"""
    + _C_TYPES
)
_BASH = "(function_definition name: (word) @name) @function"

LANGUAGES = (
    Language(
        "python",
        "tree_sitter_python",
        (".py", ".pyi", ".pyw"),
        _PYTHON,
        programs=("python", "python3"),
        verbatim=frozenset({"string"}),
    ),
    Language(
        "javascript",
        "tree_sitter_javascript",
        (".js", ".mjs", ".cjs", ".jsx"),
        _JAVASCRIPT,
        programs=("node",),
        verbatim=frozenset({"template_string"}),
    ),
    Language(
        "typescript",
        "tree_sitter_typescript",
        (".ts", ".mts", ".cts"),
        _TYPESCRIPT,
        function="language_typescript",
        programs=("ts-node", "tsx", "deno"),
        verbatim=frozenset({"template_string"}),
    ),
    Language(
        "tsx",
        "tree_sitter_typescript",
        (".tsx",),
        _TYPESCRIPT,
        function="language_tsx",
        verbatim=frozenset({"template_string"}),
    ),
    Language("go", "tree_sitter_go", (".go",), _GO, verbatim=frozenset({"raw_string_literal"})),
    Language(
        "rust",
        "tree_sitter_rust",
        (".rs",),
        _RUST,
        verbatim=frozenset({"string_literal", "raw_string_literal"}),
    ),
    Language("java", "tree_sitter_java", (".java",), _JAVA, verbatim=frozenset({"string_literal"})),
    Language("c", "tree_sitter_c", (".c",), _C),
    Language(
        "cpp",
        "tree_sitter_cpp",
        # headers too: the grammar of C++ reads nearly all of C
        (".cpp", ".cc", ".cxx", ".h", ".hpp", ".hh", ".hxx"),
        _CPP,
        verbatim=frozenset({"raw_string_literal"}),
    ),
    Language(
        "bash",
        "tree_sitter_bash",
        (".sh", ".bash"),
        _BASH,
        programs=("bash", "sh"),
        verbatim=frozenset({"heredoc_body", "string", "raw_string"}),
    ),
)

_BY_EXTENSION = {extension: row for row in LANGUAGES for extension in row.extensions}
_BY_PROGRAM = {program: row for row in LANGUAGES for program in row.programs}


def language_of(path: str, text: str = "") -> Language | None:
    """Return the language by the file's name, else by its `#!` line; None when it is not known."""
    name = path.rpartition("/")[2]
    if "{{" in path or "{%" in path:
        return None  # a template, which is no source yet
    _, dot, extension = name.rpartition(".")
    if dot and (row := _BY_EXTENSION.get(f".{extension.lower()}")) is not None:
        return row
    if "." in name.strip("."):
        return None
    shebang = re.match(r"#!\s*(?:\S*/)?([^/\s]+)(?:[ \t]+(?:-S[ \t]+)?(\S+))?", text)
    if shebang is None:
        return None
    program = shebang[2] if shebang[1] == "env" else shebang[1]
    return _BY_PROGRAM.get(re.sub(r"[\d.]+$", "", program or ""))
