"""The two experiments of Borowski, Zimmermann et al. (ICLR 2021)."""

from exemplum.protocols.definition import Factor, Protocol
from exemplum.records import Pole, Scheme

BOTH = (Pole.MIN, Pole.MAX)

BOROWSKI2021_1 = Protocol(
    name="borowski2021-1",
    participants=10,
    units=45,  # 9 layers × 4 branches drawn at random, and one picked by hand in each layer
    batches=20,
    schemes=(Scheme(9, BOTH),),
    within=(Factor.METHOD,),
    order_every=1,
    order_start=1,  # odd participants begin with synthetic, even ones with natural references
    none_blocks=2,
    practice=5,
    blocks=3,
    catch=3,
    repeated=6,
    batch_every=1,
    batch_own=False,  # none n, natural n + 1, synthetic n + 2
    practice_units=15,
)


BOROWSKI2021_2 = Protocol(
    name="borowski2021-2",
    participants=23,  # 10 experts and 13 lay people; the paper counted either group from 1
    units=20,  # 5 layers × 4 branches in each of the sets a to d
    batches=20,
    schemes=(Scheme(1, (Pole.MAX,)), Scheme(1, BOTH), Scheme(9, (Pole.MAX,)), Scheme(9, BOTH)),
    within=(Factor.METHOD, Factor.SCHEME),
    scheme_orders=((0, 1, 2, 3), (0, 2, 1, 3), (3, 1, 2, 0), (3, 2, 1, 0)),
    order_every=4,
    order_start=0,  # participants 1 to 4 begin every scheme with natural references, 5 to 8 with synthetic ones
    practice=3,
    blocks=2,
    catch=2,
    batch_every=4,
    batch_own=True,  # natural 2 ⌊(n − 1) / 4⌋ + 1, synthetic one more
    practice_units=60,
    intuitiveness=("before", "after"),
    main_sets=("a", "b", "c", "d"),
    practice_sets=("g", "f"),  # natural practises on g, synthetic on f
    catch_sets=("e",),
)
