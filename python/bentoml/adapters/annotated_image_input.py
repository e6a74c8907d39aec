"""An image with JSON annotations."""
import json
from typing import Any, Dict, List, Optional, Sequence, Tuple

from bentoml.adapters.image_input import read_image
from bentoml.adapters.multi_file_input import MultiFileInput
from bentoml.adapters.utils import check_file_extension, get_default_accept_image_formats
from bentoml.types import InferenceTask

_REFUSED = object()


class AnnotatedImageInput(MultiFileInput):
    """Passes (array, annotations); annotations are None when the request has none."""

    def __init__(
        self,
        image_input_name: str = "image",
        annotation_input_name: str = "annotations",
        pilmode: str = "RGB",
        accept_image_formats: Optional[Sequence[str]] = None,
        **base_config: Any,
    ) -> None:
        super().__init__(input_names=[image_input_name, annotation_input_name], allow_none=True, **base_config)
        self.pilmode = pilmode
        self.accept_image_formats = list(accept_image_formats or get_default_accept_image_formats())

    @property
    def config(self) -> Dict[str, Any]:
        return {"accept_image_formats": self.accept_image_formats, "pilmode": self.pilmode}

    @property
    def pip_dependencies(self) -> List[str]:
        return ["imageio"]

    def _annotations(self, task: InferenceTask, file: Any) -> Any:
        name = "BentoML#%s" % type(self).__name__
        if file is None:
            return None
        try:
            return json.loads(file.read().decode("utf-8"))
        except UnicodeDecodeError:
            task.discard(http_status=400, err_msg="%s JSON must be in unicode" % name)
        except ValueError:
            task.discard(http_status=400, err_msg="%s received invalid JSON file" % name)
        return _REFUSED

    def extract_user_func_args(self, tasks: Sequence[InferenceTask]) -> Tuple[Any, ...]:
        images = []
        annotations = []
        name = "BentoML#%s" % type(self).__name__
        for task in tasks:
            if task.is_discarded:
                continue
            image, notes = task.data
            if image is None or not check_file_extension(image.name, self.accept_image_formats):
                text = "%s Input image file must be in supported format list: %s" % (name, self.accept_image_formats)
                task.discard(http_status=400, err_msg=text)
                continue
            try:
                array = read_image(image, self.pilmode)
            except ValueError as e:
                task.discard(http_status=400, err_msg="%s Input image decode failed, %s" % (name, e))
                continue
            parsed = self._annotations(task, notes)
            if parsed is not _REFUSED:
                images.append(array)
                annotations.append(parsed)
        return tuple(images), tuple(annotations)
