"""The code of functions in a text of a file, and what of a new text takes the place of what.

Part of the screen (`_screen`), which puts new code into functions that are there already.
"""

# runs on the Pythons that projects use, so it is written for an older one than ours:
# mypy: ignore-errors

import ast
import types

_OPTIMIZED = 1  # CO_OPTIMIZED: the code of a function, not of a module or a class


class _Hollow(ast.NodeTransformer):
    """Takes the bodies, and the types, out of the outermost functions of a file."""

    def __init__(self):
        self.found = []  # (name, first line, last line)

    def visit_FunctionDef(self, node):
        first = min([node.lineno] + [each.lineno for each in node.decorator_list])
        self.found.append((node.name, first, node.end_lineno))
        node.body, node.returns = [], None
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        return node

    visit_AsyncFunctionDef = visit_FunctionDef


class Source:
    """A text of a file: the code of its outermost functions, and all else that it says."""

    def __init__(self, data, filename):
        tree = compile(data, filename, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        self.filename = filename
        codes = {}
        bodies = [compile(tree, filename, "exec", dont_inherit=True)]
        for body in bodies:
            for code in _inner(body):
                # the parameters of a generic function are a function around it
                if code.co_flags & _OPTIMIZED and not code.co_name.startswith("<generic"):
                    codes[code.co_name, code.co_firstlineno] = code
                else:
                    bodies.append(code)
        hollow = _Hollow()
        self.rest = ast.dump(hollow.visit(tree))
        lines = data.splitlines()
        self.functions = [
            (codes.get((name, first)), lines[first - 1 : last])
            for name, first, last in hollow.found
        ]


def _inner(code):
    return [const for const in code.co_consts if isinstance(const, types.CodeType)]


def own(code):
    """Return what a function does itself, without those within it."""
    consts = [repr(each) for each in code.co_consts if not isinstance(each, types.CodeType)]
    return code.co_code, consts, code.co_names, code.co_varnames, code.co_freevars


def pairs(old, new):
    """Yield the code of a function and of those within it, each with what takes its place."""
    yield old, new
    theirs = _by_name(new) if new is not None else {}
    for key, code in _by_name(old).items():
        yield from pairs(code, theirs.get(key))


def _by_name(code):
    found = {}
    for inner in _inner(code):
        count = sum(name == inner.co_name for name, _ in found)
        found[inner.co_name, count] = inner
    return found
