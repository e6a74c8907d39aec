"""Text input."""
import codecs
import re
from encodings import normalize_encoding
from encodings.aliases import aliases
from typing import Any, Iterator, Optional, Sequence, Tuple

from bentoml.adapters.base_input import BaseInputAdapter, parse_cli_input
from bentoml.adapters.utils import inflate
from bentoml.types import FileLike, HTTPRequest, InferenceTask, parse_form_data

# Python's own list holds decoders that a body must not reach: punycode takes quadratic time, others run escapes or are no text at all.
_CHARSETS = frozenset(
    """utf_8 utf_8_sig utf_16 utf_16_le utf_16_be utf_32 utf_32_le utf_32_be ascii latin_1 koi8_r koi8_u mac_roman
    cp874 cp932 cp949 cp950 gbk gb2312 gb18030 big5 shift_jis euc_jp euc_kr""".split()
    + ["cp%d" % n for n in range(1250, 1259)]
    + ["iso8859_%d" % n for n in range(2, 17) if n != 12]
)


def known_charset(name: str) -> Optional[str]:
    """Python's name of a charset that bodies may have. Names are not put to codecs.lookup(), which remembers every one it is asked for."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,39}", name):
        return None
    plain = normalize_encoding(name).lower()
    plain = aliases.get(plain) or aliases.get(plain.replace(".", "_")) or plain
    return plain if plain in _CHARSETS else None


def guess_decode(data: bytes) -> str:
    """UTF-8, or what a byte order mark says."""
    for mark, name in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if data.startswith(mark):
            return data.decode(name)
    return data.decode("utf-8")


class StringInput(BaseInputAdapter):
    """Passes the body as text: `str` per request, `list[str]` in batch mode.

    A multipart body must hold exactly one file; otherwise the charset of Content-Type counts, UTF-8 by default.
    """

    def _name(self) -> str:
        return type(self).__name__

    def from_http_request(self, req: HTTPRequest) -> InferenceTask:
        refused = inflate(req)
        if refused:
            return refused
        task = InferenceTask(http_headers=req.headers)
        body = req.body
        charset = req.headers.charset or "utf-8"
        if req.headers.content_type == "multipart/form-data":
            _, _, files = parse_form_data(req)
            if len(files) != 1:
                return task.discard(
                    http_status=400, err_msg="BentoML#%s accepts one text file at a time" % self._name()
                )
            body = next(iter(files.values())).read()
            charset = ""
        return self._decode(task, body, charset)

    def _decode(self, task: InferenceTask, body: bytes, charset: str) -> InferenceTask:
        name = known_charset(charset) if charset else ""
        if name is None:
            return task.discard(http_status=400, err_msg="%s: charset %s is not supported" % (self._name(), ascii(charset[:40])))
        try:
            task.data = body.decode(name) if name else guess_decode(body)
        except UnicodeDecodeError:
            return task.discard(
                http_status=400, err_msg="%s: UnicodeDecodeError for %s" % (self._name(), repr(body[:1000]))
            )
        return task

    def from_aws_lambda_event(self, event: Any) -> InferenceTask:
        return InferenceTask(aws_lambda_event=event, data=event.get("body", ""))

    def from_inference_job(self, input_: Any = None, input_file: Any = None, **extra: Any) -> Iterator[InferenceTask]:
        for text in input_ or ():
            yield InferenceTask(inference_job_args=extra, data=text)
        for path in input_file or ():
            yield self._from_file(FileLike(uri="file://" + str(path)), inference_job_args=extra)

    def _from_file(self, file: FileLike, **kwargs: Any) -> InferenceTask:
        task = InferenceTask(**kwargs)
        data = file.read()
        file.close()
        return self._decode(task, data, "")

    def from_cli(self, cli_args: Tuple[str, ...]) -> Iterator[InferenceTask]:
        for file in parse_cli_input(cli_args):
            yield self._from_file(file, cli_args=cli_args, inference_job_args={})

    def extract_user_func_args(self, tasks: Sequence[InferenceTask]) -> Tuple[Any, ...]:
        return ([t.data for t in tasks if not t.is_discarded],)
