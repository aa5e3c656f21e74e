"""The widgets, without a kernel or a front end."""

import ipywidgets
import torch
from live_samples import figures, turned

from course_lib import live
from course_lib.live.graph import difference
from course_lib.live.notebook_view import View

PNG = b"\x89PNG"


def test_a_notebook_gets_a_widget_view(monkeypatch):
    monkeypatch.delenv("COURSE_SITE", raising=False)
    shown = figures()[2]._repr_mimebundle_()
    view = shown["application/vnd.jupyter.widget-view+json"]
    assert view["version_major"] == 2 and len(view["model_id"]) > 8 and shown["text/plain"]


def test_every_input_that_can_move_has_a_labelled_control(figure):
    view = View(figure)
    for part in figure.inputs:
        if part.kind == "image" and len(part.tensors) == 1 and not part.own:
            assert part.name not in view.controls
            continue
        control = view.controls[part.name]
        assert control.value == part.start and control.description.startswith(part.label["en"])


def test_pictures_are_images_and_the_rest_is_html():
    view = View(figures()[0])
    assert isinstance(view.shown["seen"], ipywidgets.Image) and bytes(view.shown["seen"].value).startswith(PNG)
    assert "<svg" in view.shown["scores"].value
    drawn_over = View(figures()[3])
    assert "<image" in drawn_over.shown["before"].value and "marks" not in drawn_over.shown


def test_a_slider_calls_the_function_and_changes_what_is_shown():
    view = View(figures()[0])
    picture, bars = bytes(view.shown["seen"].value), view.shown["scores"].value
    view.controls["sigma"].value = 2.0
    assert bytes(view.shown["seen"].value) != picture and view.shown["scores"].value != bars
    assert "▼" in view.shown["scores"].value


def test_reset_takes_one_step():
    calls = []

    def counted(yaw, pitch):
        calls.append(1)
        return turned(yaw, pitch)

    figure = figures()[2]
    view = View(live.Figure(counted, figure.inputs, figure.outputs, title=figure.title, alt=figure.alt))
    view.controls["yaw"].value, view.controls["pitch"].value = 40.0, 12.0
    before = len(calls)
    view.reset.click()
    assert len(calls) == before + 1
    assert view.values() == {"yaw": 20.0, "pitch": 0.0}


def test_an_error_is_shown_to_the_reader_and_goes_away():
    def picky(sigma):
        if sigma > 2:
            raise ValueError("sigma should stay below <2>")
        return sigma.reshape(1)

    alt = ("A bar that grows with the slider.", "随滑块增长的一个条形，用于测试错误信息。")
    slider = live.Slider("sigma", 0, 4, 1, 1, label="blur")
    view = View(live.Figure(picky, [slider], [live.Bars("b", ["blur"])], ("T", "题"), alt))
    view.controls["sigma"].value = 3
    assert "ValueError: sigma should stay below &lt;2&gt;" in view.message.value
    view.controls["sigma"].value = 2
    assert view.message.value == ""


def test_chinese_readers_get_chinese_labels(monkeypatch):
    monkeypatch.setenv("COURSE_LANG", "zh")
    view = View(figures()[0])
    assert view.controls["kernel"].description == "卷积核" and view.reset.description == "重置"
    assert view.controls["kernel"].options == (("高斯", 0), ("均值", 1))


def test_the_figure_runs_where_it_is_told(figure, device):
    if device.type == "cuda" and figure.name in ("turned", "judged"):
        pytest.skip("holds tensors of its own")
    here, values = figure.compute({}, device), figure.compute({}, torch.device("cpu"))
    for output in figure.outputs:
        assert here[output.name].device.type == "cpu"
        assert difference(output.kind, [(values[output.name], here[output.name])]) < 1e-3  # cuDNN may take TF32


def test_a_function_with_tensors_of_its_own_runs_where_they_are(device):
    own = torch.ones(1)
    alt = ("A bar that grows with the slider.", "随滑块增长的一个条形，用于测试错误信息。")
    slider = live.Slider("sigma", 0, 4, 1, 1, label="blur")
    figure = live.Figure(lambda sigma: own * sigma.reshape(1), [slider], [live.Bars("b", ["blur"])], ("T", "题"), alt)
    assert figure.run(sigma=3)["b"].item() == 3
