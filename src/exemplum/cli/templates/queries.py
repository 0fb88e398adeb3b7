"""A query source: two parts of one exemplar, from its left and from its right. Which one activates the unit more?

`exemplum run` calls `sides` with a request for the units of the study. Which image of a pair is right is measured.
study.toml names it in [queries.sides], with its parameters. docs/reference/queries.md says more.
"""

from collections.abc import Iterator

from exemplum.queries import QueryImage, QueryPair, QueryRequest
from exemplum.records import Pole


def sides(request: QueryRequest, *, share: float = 0.6) -> Iterator[QueryPair]:
    """Yield a pair for each batch of each unit; participants see different batches. All of one unit come together."""
    for unit in request.units:
        for references in request.references:  # the study shows so many references per pole: 9, or 1 and 9
            # images that are kept for queries: no method shows them as a reference
            for batch, extremes in request.extreme_queries(unit, references).items():
                base = extremes[Pole.MAX]
                whole = request.image(base.row)  # uint8 (size, size, 3), as the network sees it
                side = round(share * len(whole))
                top = (len(whole) - side) // 2
                left, right = whole[top : top + side, :side], whole[top : top + side, -side:]
                # the id and the group say of which image of the corpus they are, so that no reference shows it too
                pair = (
                    QueryImage(left, base.image_id, base.group),
                    QueryImage(right, base.image_id, base.group),
                )
                yield QueryPair(unit, batch, pair, references, facts={"side": side})
