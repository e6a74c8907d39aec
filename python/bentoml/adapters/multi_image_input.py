"""Several named images per request."""
from typing import Any, Dict, List, Optional, Sequence, Tuple

from bentoml.adapters.image_input import read_image
from bentoml.adapters.multi_file_input import MultiFileInput
from bentoml.adapters.utils import check_file_extension, get_default_accept_image_formats
from bentoml.types import InferenceTask


class MultiImageInput(MultiFileInput):
    """Passes one array per name, positionally."""

    def __init__(
        self,
        input_names: Sequence[str] = ("image",),
        pilmode: str = "RGB",
        accept_image_formats: Optional[Sequence[str]] = None,
        **base_config: Any,
    ) -> None:
        super().__init__(input_names=input_names, allow_none=True, **base_config)
        self.pilmode = pilmode
        self.accept_image_formats = list(accept_image_formats or get_default_accept_image_formats())

    @property
    def config(self) -> Dict[str, Any]:
        return {
            "input_names": self.input_names,
            "accept_image_formats": self.accept_image_formats,
            "pilmode": self.pilmode,
        }

    @property
    def pip_dependencies(self) -> List[str]:
        return ["imageio"]

    def _images(self, task: InferenceTask) -> Optional[Tuple[Any, ...]]:
        name = "BentoML#%s" % type(self).__name__
        if not all(task.data):
            task.discard(http_status=400, err_msg="%s Empty request" % name)
            return None
        if not all(check_file_extension(f.name, self.accept_image_formats) for f in task.data):
            text = "%s Input image file must be in supported format list: %s" % (name, self.accept_image_formats)
            task.discard(http_status=400, err_msg=text)
            return None
        try:
            return tuple(read_image(f, self.pilmode) for f in task.data)
        except ValueError as e:
            task.discard(http_status=400, err_msg="%s Input image decode failed, %s" % (name, e))
            return None

    def extract_user_func_args(self, tasks: Sequence[InferenceTask]) -> Tuple[Any, ...]:
        rows = [images for images in (self._images(t) for t in tasks if not t.is_discarded) if images is not None]
        return tuple(zip(*rows)) if rows else tuple(() for _ in self.input_names)
