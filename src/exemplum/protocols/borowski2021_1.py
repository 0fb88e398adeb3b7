"""Experiment I of Borowski, Zimmermann et al. (ICLR 2021): natural, synthetic and no references."""

from exemplum.protocols.base import Protocol, Scheme
from exemplum.records import Pole

BOROWSKI2021_1 = Protocol(
    name="borowski2021-1",
    participants=10,
    units=45,  # 9 layers × 4 branches drawn at random, and one picked by hand in each layer
    batches=20,
    schemes=(Scheme(9, (Pole.MIN, Pole.MAX)),),
    scheme_orders=((0,),),
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
