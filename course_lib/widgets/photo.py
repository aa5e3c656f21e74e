"""A photograph of the reader's own: uploaded, or taken with the camera in the browser."""

from collections.abc import Callable

import anywidget
import traitlets
from torch import Tensor

from course_lib import images
from course_lib.i18n import Label, say
from course_lib.live.photo import explain, where_it_goes
from course_lib.widgets.styled import script

TEXT: dict[str, Label] = {
    "upload": "upload_photo",
    "open": "use_camera",
    "shoot": "take_photo",
    "stop": "stop_camera",
    "loading": "loading",
    "denied": "camera_denied",
    "missing": "camera_missing",
    "large": "image_too_large",
    "busy": ("The camera is in use by another program.", "摄像头正被其他程序占用。"),
    "failed": ("The camera could not be started.", "摄像头未能启动。"),
    "insecure": (
        "Browsers allow the camera only on https pages and on this computer (localhost).",
        "浏览器只允许 https 页面或本机（localhost）页面使用摄像头。",
    ),
    "asking": ("The browser asks whether the camera may be used…", "请在浏览器的提示中允许使用摄像头……"),
    "local": "photo_stays_local",
    "preview": ("Picture of the camera", "摄像头画面"),
}


class PhotoInput(anywidget.AnyWidget):
    """Buttons for a file and for the camera; the photograph goes to ``receive`` as a tensor.

    A file that is no image, too large or damaged, and a camera that is missing or forbidden, are told to the reader
    in a live region under the buttons. The photograph is a message, not state: a saved notebook does not hold it.

    Args:
        receive: called with (1, 3, H, W) and the file's name, which is empty for the camera. It may raise
            ValueError with words for the reader, or return a remark for them.
    """

    _esm = script("photo.js")
    text = traitlets.Dict().tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)
    problem = traitlets.Bool(False).tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)

    def __init__(self, receive: Callable[[Tensor, str], str | None]):
        words = TEXT | {"remote": where_it_goes()}
        super().__init__(text={key: say(label) for key, label in words.items()})
        self.receive = receive
        self.on_msg(self._open)

    def tell(self, message: str, *, problem: bool = False) -> None:
        """Say something under the buttons; ``problem`` marks it as one."""
        with self.hold_sync():  # the browser reads all three when ``answered`` changes
            self.message, self.problem, self.answered = message, problem, self.answered + 1

    def _open(self, widget: object, content: dict, buffers: list) -> None:
        name = str(content.get("name", ""))
        try:
            remark = self.receive(images.load(bytes(buffers[0]) if buffers else b""), name)
        except ValueError as error:
            self.tell(explain(error, name), problem=True)
        else:
            self.tell(remark or "")
