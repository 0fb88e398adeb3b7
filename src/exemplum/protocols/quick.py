"""A new method against the baseline in less than ten minutes per participant."""

from exemplum.protocols.definition import Factor, Protocol
from exemplum.records import Pole, Scheme

QUICK = Protocol(
    name="quick",
    participants=32,  # two rounds of eight methods at two difficulties
    units=32,
    batches=20,
    schemes=(Scheme(9, (Pole.MIN, Pole.MAX)),),
    within=(Factor.METHOD, Factor.DIFFICULTY),
    # At the reaction times of either published experiment, 32 main, 5 practice and 4 catch trials take less than ten
    # minutes with up to 16 methods: docs/reference/design.md
    main=32,
    practice=5,  # four easy ones and one of the hardest difficulty, as in Zimmermann, Klein & Brendel (2023)
    blocks=2,
    catch=2,
    practice_units=9,  # one for every practice and catch trial
    intuitiveness=(),  # about 20 s per rating, three for each method
)
