"""The comparison between participants of Zimmermann, Klein & Brendel (NeurIPS 2023), of the methods for one network."""

from exemplum.protocols.definition import Factor, Protocol
from exemplum.records import Pole, Scheme

IMI2023 = Protocol(
    name="imi2023",
    participants=63,  # per method and difficulty: 30 answers to each of the 84 units
    units=84,
    batches=20,
    schemes=(Scheme(9, (Pole.MIN, Pole.MAX)),),
    within=(),
    between=(Factor.METHOD, Factor.DIFFICULTY),
    main=40,
    practice=5,  # four obvious ones, and one that is less so
    blocks=1,
    catch=5,
    practice_units=10,  # one for every practice and catch trial
    intuitiveness=(),
)
