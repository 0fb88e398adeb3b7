"""The recipe's mathematics against numpy. Oracles: the formulas of FACTS / Lucid, computed afresh here."""

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from exemplum.explanations.synthetic import objectives, parametrizations, recipe, resampling, transforms
from exemplum.explanations.synthetic.recipes import RECIPES
from exemplum.explanations.synthetic.transforms import Crops, Jitter, Rotate, Scale
from exemplum.records import Unit

BOROWSKI = recipe("borowski2021")
# Lucid's color_correlation_svd_sqrt over its largest column's norm: decorrelated colours → red, green, blue
COLOR = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]]) / 0.46195


def numpy_fourier_image(spectrum: np.ndarray, size: int) -> np.ndarray:
    """Lucid's fft_image and to_valid_rgb, in numpy: (3, size, columns) complex → (3, size, size) in (0, 1)."""
    columns = spectrum.shape[2]
    fy, fx = np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None, :columns]
    scale = 1 / np.maximum(np.sqrt(fx**2 + fy**2), 1 / size)
    planes = np.fft.irfft2(spectrum * scale, s=(size, size + size % 2), norm="ortho")[..., :size] / 4
    return 1 / (1 + np.exp(-np.einsum("rc,chw->rhw", COLOR, planes)))


@pytest.mark.parametrize("size", [16, 17])
def test_spectrum_becomes_the_image_that_numpy_makes(size):
    start = parametrizations.fourier_start(3, size, [torch.Generator().manual_seed(3)], sd=1.0)
    assert start.shape == (1, 3, size, size // 2 + 1 + size % 2, 2)
    image = parametrizations.fourier_image(start, size, decay=1.0)[0].numpy()
    numbers = start[0].numpy()
    np.testing.assert_allclose(image, numpy_fourier_image(numbers[..., 0] + 1j * numbers[..., 1], size), atol=1e-5)


def test_the_colour_matrix_has_largest_column_of_norm_one():
    assert parametrizations.COLOR.norm(dim=0).max().item() == pytest.approx(0.46195, abs=1e-5)
    assert parametrizations.COLOR_NORMALIZED.norm(dim=0).max().item() == pytest.approx(1)


def test_start_has_the_recipes_deviation_and_is_almost_grey():
    start = parametrizations.fourier_start(3, 256, [torch.Generator().manual_seed(0)], BOROWSKI.sd)
    assert start.std().item() == pytest.approx(0.01, rel=0.02)
    assert parametrizations.fourier_image(start, 256, 1.0).sub(0.5).abs().max() < 0.5


def test_the_papers_canvas_updates_and_input_sizes():
    assert BOROWSKI.canvas == 256
    assert BOROWSKI.updates == 2561
    chains = [
        transforms.sizes(BOROWSKI.transforms, transforms.draw(BOROWSKI.transforms, 0, step, 2560), 256)
        for step in range(300)
    ]
    assert {chain[1] for chain in chains} == {240}
    assert {chain[-1] for chain in chains} == {220, 226, 232, 238, 243}


def test_offsets_and_angles_are_drawn_from_all_their_values():
    draws = [transforms.draw(BOROWSKI.transforms, 0, step, 2560) for step in range(2000)]
    assert {draw[0][0] for draw in draws} == set(range(17))
    assert {draw[2][0] for draw in draws} == set(range(-5, 6))
    assert {draw[3][1] for draw in draws} == set(range(9))
    assert {draw[1][0] for draw in draws[:64]} == {1.0, 0.975, 1.025, 0.95, 1.05}


def test_sizes_repeat_and_places_do_not():
    first, again = (transforms.draw(BOROWSKI.transforms, 0, step, 2560) for step in (3, 3 + transforms.CYCLE))
    assert first[1] == again[1]
    assert (first[0], first[2], first[3]) != (again[0], again[2], again[3])


@given(st.integers(0, 6), st.integers(0, 6))
def test_jitter_is_a_crop_at_its_offset(top, left):
    images = torch.rand(2, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    found = resampling.apply([Jitter(6)], ((top, left),), images)
    torch.testing.assert_close(found, images[:, :, top : top + 14, left : left + 14], atol=1e-4, rtol=0)


@pytest.mark.parametrize("factor", [1.0, 0.975, 1.025, 0.95, 1.05])
def test_scaling_is_torchs_bilinear_resize(factor):
    images = torch.rand(1, 3, 240, 240, generator=torch.Generator().manual_seed(0))
    found = resampling.apply([Scale((factor,))], ((factor,),), images)
    side = int(np.float32(factor) * np.float32(240))
    expected = torch.nn.functional.interpolate(images, (side, side), mode="bilinear", align_corners=False)
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize("degrees", [-5, 0, 3])
def test_rotation_is_the_nearest_pixel_with_black_outside(degrees):
    images = torch.rand(1, 1, 40, 40, generator=torch.Generator().manual_seed(0)) + 0.1
    found = resampling.apply([Rotate((degrees,))], ((degrees,),), images)[0, 0].numpy()
    angle, centre = 3.14 * degrees / 180, 19.5
    expected = np.zeros((40, 40), np.float32)
    for y in range(40):
        for x in range(40):
            v = np.cos(angle) * (y - centre) + np.sin(angle) * (x - centre) + centre
            u = np.cos(angle) * (x - centre) - np.sin(angle) * (y - centre) + centre
            if 0 <= np.rint(v) < 40 and 0 <= np.rint(u) < 40:
                expected[y, x] = images[0, 0, int(np.rint(v)), int(np.rint(u))]
    assert (np.abs(found - expected) > 1e-3).mean() < 0.005  # pixels on a tie may round either way


def test_the_chain_in_one_resampling_is_the_chain_step_by_step():
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    chain = (Jitter(4), Scale((1.05,)), Rotate((3,)), Jitter(2))
    draws = ((1, 3), (1.05,), (3,), (2, 0))
    stepwise = images
    for transform, drawn in zip(chain, draws, strict=True):
        stepwise = resampling.apply([transform], [drawn], stepwise)
    torch.testing.assert_close(resampling.apply(chain, draws, images), stepwise, atol=2e-3, rtol=0)


def test_diversity_is_lucids():
    maps = torch.randn(4, 6, 5, 5, generator=torch.Generator().manual_seed(0))
    flat = maps.numpy().reshape(4, 6, 25).transpose(0, 2, 1)  # positions × channels
    grams = [a.T @ a for a in flat]
    grams = [g / np.linalg.norm(g) for g in grams]
    lucid = sum((grams[i] * grams[j]).sum() for i in range(4) for j in range(4) if i != j) / 4
    assert objectives.diversity("a")({"a": maps}).mean().item() == pytest.approx(lucid, rel=1e-5)


def test_objectives_add_scale_and_keep_to_their_images():
    maps = {"a": torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(0))}
    first, second = objectives.channel(Unit("a", 0)), objectives.neuron(Unit("a", 2))
    both = 2 * first - second
    expected = 2 * maps["a"][:, 0].mean((1, 2)) - maps["a"][:, 2, 2, 2]
    torch.testing.assert_close(both(maps), expected)
    joint = objectives.jointly([first, second], [2, 3])
    torch.testing.assert_close(joint(maps), torch.cat([first(maps)[:2], second(maps)[2:]]))
    vector = torch.tensor([1.0, 0, -2])
    torch.testing.assert_close(
        objectives.direction("a", vector)(maps), maps["a"][:, 0].mean((1, 2)) - 2 * maps["a"][:, 2].mean((1, 2))
    )


@pytest.mark.parametrize("positions", [3, 30])
def test_both_ways_to_the_same_likeness(positions):
    # channels × channels or positions × positions matrices, whichever are smaller; oracle: cosines of Gram matrices
    maps = torch.randn(2, 16, positions, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    maps.requires_grad_()
    grams = [a[..., 0] @ a[..., 0].T for a in maps]
    cosine = (grams[0] * grams[1]).sum() / (grams[0].norm() * grams[1].norm())
    found = objectives.diversity("a")({"a": maps})
    torch.testing.assert_close(found.double(), torch.stack([cosine, cosine]), rtol=1e-5, atol=1e-7)
    gradients = [torch.autograd.grad(of, maps)[0] for of in (found.sum(), 2 * cosine)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-7)


def test_views_of_an_image_are_one_texture():
    maps = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    side_by_side = maps.view(2, 3, 4, 3, 3).transpose(1, 2).reshape(2, 4, 9, 3)
    expected = objectives.diversity("a")({"a": side_by_side}).repeat_interleave(3)
    torch.testing.assert_close(objectives.diversity("a", views=3)({"a": maps}), expected)


def test_pixels_become_the_image_that_numpy_makes():
    start = parametrizations.pixel_start(3, 8, [torch.Generator().manual_seed(3)], sd=1.0)
    expected = 1 / (1 + np.exp(-np.einsum("rc,nchw->nrhw", COLOR, start.numpy())))
    np.testing.assert_allclose(parametrizations.pixel_image(start, 8, 1.0).numpy(), expected, atol=1e-5)


def magnitude_of_photographs(size):
    """Mean amplitude of each frequency of the decorrelated colours; each photograph counts mirrored, too."""
    photographs = np.einsum("dc,nhwc->ndhw", np.linalg.inv(COLOR), parametrizations.squares(size))
    photographs = np.pad(photographs, ((0, 0), (0, 0), (0, 0), (0, size % 2)))
    return np.abs(np.fft.rfft2(np.concatenate([photographs, photographs[..., ::-1]]))).mean(0)


@pytest.mark.parametrize("size", [16, 17])
def test_phases_become_the_image_that_numpy_makes(size):
    phases = parametrizations.maco_start(3, size, [torch.Generator().manual_seed(seed) for seed in (3, 4)], sd=1.0)
    magnitude = magnitude_of_photographs(size)

    def standardized(x):
        return (x - x.mean()) / (x.std(ddof=1) + 1e-5)

    for image, phase in zip(parametrizations.maco_image(phases, size, 1.0).numpy(), phases.numpy(), strict=True):
        spectrum = magnitude * np.exp(1j * standardized(phase))
        planes = np.fft.irfft2(spectrum, s=(size, size + size % 2))[..., :size]
        expected = 1 / (1 + np.exp(-np.einsum("rc,chw->rhw", COLOR, standardized(planes))))
        np.testing.assert_allclose(image, expected, atol=1e-4)


def test_amplitudes_of_photographs_fall_as_they_do_in_nature():
    # amplitudes fall about as 1/f (Field 1987): log-log slope between -0.8 and -1.6
    magnitude = magnitude_of_photographs(128)[0]
    f = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128)[None, :65])
    band = (f > 0.03) & (f < 0.4)
    slope = np.polyfit(np.log(f[band]), np.log(magnitude[band]), 1)[0]
    assert -1.6 < slope < -0.8


def test_crops_are_boxes_of_the_image_scaled_up():
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    crops = Crops(2, (0.5, 0.1), 8)
    # tops, lefts, sides: a quarter of the image, and one that hangs out of it
    found = resampling.apply([crops], ((0.25, -0.5, 0.5, 0.0, 0.5, 1.0),), images)
    assert found.shape == (4, 3, 8, 8)
    ys, xs = 0.25 * 31 + np.arange(8) * 0.5 * 31 / 7, 0.5 * 31 + np.arange(8) * 0.5 * 31 / 7
    for row, y in enumerate(ys):
        for column, x in enumerate(xs):
            y0, x0 = int(y), min(int(x), 30)
            block = images[0, :, y0 : y0 + 2, x0 : x0 + 2].numpy()
            expected = np.einsum("cij,i,j->c", block, [1 - (y - y0), y - y0], [1 - (x - x0), x - x0])
            np.testing.assert_allclose(found[0, :, row, column].numpy(), expected, atol=1e-4)
    assert not found[1, :, :3].any()  # above the image: black
    assert found[1, :, 5:].any()


def test_crops_shrink_over_the_steps():
    sides = [np.mean(Crops(500, (0.5, 0.1), 8).draw(np.random.default_rng(0), p)[1000:]) for p in (0.0, 0.5, 1.0)]
    np.testing.assert_allclose(sides, [0.5, 0.3, 0.1], atol=0.02)


def test_a_recipe_of_ones_own_from_a_table_or_a_file(tmp_path):
    own = recipe({"base": "borowski2021", "name": "mine", "steps": 100, "transforms": [{"jitter": 4}]})
    assert (own.name, own.steps, own.transforms, own.pad) == ("mine", 100, (Jitter(4),), BOROWSKI.pad)
    (tmp_path / "sharp.toml").write_text('base = "lucid"\nlearning_rate = 0.1\n')
    read = recipe(str(tmp_path / "sharp.toml"))
    assert read == recipe("lucid").with_(name="sharp", learning_rate=0.1)
    assert read.digest != recipe("lucid").digest


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"base": "lucid", "step": 3}, r"unknown key 'step' in \[synthetic.recipe\]; did you mean steps"),
        ({"base": "lucid", "transforms": [{"jiter": 4}]}, "transforms, entry 1: .*not a transform; known: {jitter"),
        (
            {"base": "lucid", "images": 0},
            r"\[synthetic.recipe\] images must be a whole number from 1 to 1000 \(got 0\)",
        ),
        ({"base": "nobody"}, "no recipe 'nobody'"),
        ({"name": "bare"}, "size is missing; it must be a whole number from 16 to 4096"),
    ],
)
def test_a_wrong_recipe_names_its_field(fields, message):
    from exemplum.errors import UserError

    with pytest.raises(UserError, match=message):
        recipe(fields)


def test_the_recipes_that_come_with_the_package():
    assert RECIPES == ("borowski2021", "imi2024", "lucid", "maco", "maco-wide")
    maco, imi = recipe("maco"), recipe("imi2024")
    assert (maco.canvas, maco.views, maco.updates, maco.optimizer, maco.learning_rate) == (512, 32, 256, "nadam", 1.0)
    assert (maco.at(96).canvas, maco.at(96).transforms[0].side) == (219, 96)
    assert imi.transforms == BOROWSKI.transforms
    assert imi.plateau is not None
    assert imi.searches > 0
    wide = recipe("maco-wide")
    assert (wide.canvas, wide.views, wide.updates) == (224, 8, 64)
    assert maco.views * maco.updates == 16 * wide.views * wide.updates


def test_a_recipe_at_another_size_keeps_its_proportions():
    small = BOROWSKI.at(96)
    assert (small.size, small.pad) == (96, 7)
    assert [t.pixels for t in small.transforms if isinstance(t, Jitter)] == [7, 3]
    assert BOROWSKI.at(224) == BOROWSKI
    assert small.digest != BOROWSKI.digest


def test_an_unknown_recipe_names_the_nearest():
    from exemplum.errors import UserError

    with pytest.raises(UserError, match="did you mean borowski2021"):
        recipe("borowski2012")
