"""Maps that are read and not passed on need not be joined."""

from __future__ import annotations

from torch import fx

from exemplum.models.layout import Layout
from exemplum.models.reader import Reader
from exemplum.models.tracing import concatenated


def unjoined(reader: Reader) -> Reader:
    """The same maps without a copy: a layer that is a concatenation of branches for nobody but its reader is given as
    its branches, named LAYER/0, LAYER/1, …, one after the other in the order of the channels.
    """
    body = reader.body
    if not isinstance(body, fx.GraphModule):
        return reader
    (output,) = (node for node in body.graph.nodes if node.op == "output")
    values: list[fx.Node] = []
    layouts: dict[str, Layout] = {}
    for (name, layout), node in zip(reader.layouts.items(), output.args[0], strict=True):
        parts = concatenated(node) if (layout.ndim, layout.axis) == (4, 1) and len(node.users) == 1 else []
        values += parts or [node]
        layouts |= {f"{name}/{place}": layout for place in range(len(parts))} or {name: layout}
    body.graph.erase_node(output)
    body.graph.output(tuple(values))
    body.graph.eliminate_dead_code()
    body.graph.lint()
    body.recompile()
    return Reader(reader.normalize, body, layouts, reader.fixed_size).eval()
