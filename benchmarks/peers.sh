#!/bin/sh
# Makes benchmarks/.peers, the virtual environment of the libraries that ours is compared with.
# Lucent's own requirements no longer install together: 0.1.8 with kornia 0.4.1 is the pair that runs with a current torch.
set -eu
cd "$(dirname "$0")"
python3 -m venv .peers
.peers/bin/pip install --quiet --constraint ../constraints.txt torch torchvision tqdm packaging pillow numpy decorator ipython pytest future
.peers/bin/pip install --quiet --no-deps torch-lucent==0.1.8 kornia==0.4.1
.peers/bin/python -c "import lucent.optvis.render"
