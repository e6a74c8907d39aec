"""Image input."""
from typing import Any, Dict, List, Optional, Sequence, Tuple

from bentoml.adapters.file_input import FileInput
from bentoml.adapters.utils import check_file_extension, get_default_accept_image_formats
from bentoml.exceptions import MissingDependencyException
from bentoml.types import InferenceTask


def read_image(file: Any, pilmode: str) -> Any:
    """The array of an image file; ValueError when it is none."""
    try:
        import imageio.v2 as imageio
    except ImportError:
        try:
            import imageio
        except ImportError as e:
            raise MissingDependencyException("imageio is required for image inputs: pip install imageio pillow") from e
    try:
        return imageio.imread(file.stream, pilmode=pilmode)
    except (OSError, SyntaxError, KeyError, ValueError) as e:
        raise ValueError("the file cannot be decoded as an image") from e  # the library's text names memory addresses


class ImageInput(FileInput):
    """Passes an image array per request."""

    def __init__(
        self, accept_image_formats: Optional[Sequence[str]] = None, pilmode: str = "RGB", **base_config: Any
    ) -> None:
        if "input_names" in base_config:
            raise TypeError("ImageInput doesn't take input_names as parameters since bentoml 0.8. Use MultiImageInput instead")
        super().__init__(**base_config)
        self.pilmode = pilmode
        self.accept_image_formats = list(accept_image_formats or get_default_accept_image_formats())

    @property
    def config(self) -> Dict[str, Any]:
        return {"accept_image_formats": self.accept_image_formats, "pilmode": self.pilmode}

    @property
    def pip_dependencies(self) -> List[str]:
        return ["imageio"]

    def extract_user_func_args(self, tasks: Sequence[InferenceTask]) -> Tuple[Any, ...]:
        images = []
        for task in tasks:
            if task.is_discarded:
                continue
            if task.data.name and not check_file_extension(task.data.name, self.accept_image_formats):
                formats = "{%s}" % ", ".join(repr(f) for f in sorted(self.accept_image_formats))
                task.discard(http_status=400, err_msg="Current service only accepts %s formats" % formats)
                continue
            try:
                images.append(read_image(task.data, self.pilmode))
            except ValueError as e:
                task.discard(http_status=400, err_msg=str(e))
        return (images,)
