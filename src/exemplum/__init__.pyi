# The public surface: what `import exemplum as ex` gives. `__init__.py` reads this file, and so do type checkers.

from . import observers as observers
from .explanations import Request as Request, natural_images as natural_images
from .explanations.synthetic import (
    Recipe as Recipe,
    objectives as objectives,
    parametrizations as parametrizations,
    recipe as recipe,
    transforms as transforms,
    visualize as visualize,
)
from .images import open_images as open_images
from .index import ActivationIndex as ActivationIndex, build_index as build_index
from .models import (
    Model as Model,
    Network as Network,
    Preprocessing as Preprocessing,
    dictionaries as dictionaries,
    load as load,
    train_dictionary as train_dictionary,
)
from .observers import observe as observe
from .queries import QueryImage as QueryImage, QueryPair as QueryPair, QueryRequest as QueryRequest
from .records import (
    Picture as Picture,
    Pole as Pole,
    Response as Response,
    Side as Side,
    Trial as Trial,
    Unit as Unit,
    make_trial as make_trial,
)
from .scores import Scores as Scores, score as score
from .study import Study as Study

__version__: str
__all__: list[str]
