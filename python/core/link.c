/*
 * Link: the worker's end of the connection to the server, and the job it is working on.
 * One job at a time; its requests are addressed by position. Bodies are read where the
 * server put them; nothing is copied before it must be.
 */
#include <math.h>
#include <string.h>
#include <time.h>

#include "bento/gzip.h"
#include "bento/worker.h"
#include "core.h"

struct link {
    PyObject_HEAD struct bento_worker *worker;
    struct bento_worker_job job;
    int in_job;
    int64_t began_ns;
};

static PyObject *core_error(void)
{
    PyObject *module = PyImport_ImportModule("bentoml._core");
    PyObject *error = module ? PyObject_GetAttrString(module, "Error") : NULL;

    Py_XDECREF(module);
    return error;
}

static PyObject *raise_error(const struct bento_error *err)
{
    PyObject *error = core_error();

    if (error) {
        (void)core_raise(error, err);
        Py_DECREF(error);
    }
    return NULL;
}

static int64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static PyObject *link_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "text", NULL };
    struct bento_error err = BENTO_ERROR_INIT;
    const char *text = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|z", names, &text))
        return NULL;
    struct link *self = (struct link *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    if (bento_worker_open(text ? text : getenv("BENTO_LINK"), &self->worker, &err) !=
        BENTO_OK) {
        Py_DECREF(self);
        return raise_error(&err);
    }
    return (PyObject *)self;
}

static void link_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    bento_worker_close(((struct link *)object)->worker);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyObject *link_hello(PyObject *object, PyObject *text)
{
    struct bento_error err = BENTO_ERROR_INIT;
    const char *json = PyUnicode_AsUTF8(text);

    if (!json)
        return NULL;
    if (bento_worker_hello(((struct link *)object)->worker, json, &err) != BENTO_OK)
        return raise_error(&err);
    Py_RETURN_NONE;
}

static PyObject *link_wait(PyObject *object, PyObject *args)
{
    struct link *self = (struct link *)object;
    struct bento_error err = BENTO_ERROR_INIT;
    int timeout_ms = -1;
    bento_rc rc;

    if (!PyArg_ParseTuple(args, "|i", &timeout_ms))
        return NULL;
    do {
        Py_BEGIN_ALLOW_THREADS rc =
            bento_worker_wait(self->worker, timeout_ms, &self->job, &err);
        Py_END_ALLOW_THREADS if (PyErr_CheckSignals() != 0) return NULL;
    } while (rc == BENTO_ETIMEOUT && timeout_ms < 0);
    if (rc == BENTO_ECANCELED)
        Py_RETURN_NONE;
    if (rc == BENTO_ETIMEOUT) {
        PyErr_SetNone(PyExc_TimeoutError);
        return NULL;
    }
    if (rc != BENTO_OK)
        return raise_error(&err);
    self->in_job = 1;
    self->began_ns = now_ns();
    return Py_BuildValue("(II)", self->job.api, self->job.count);
}

/* Request number `arg` of the current job, or an exception. */
static int request_at(struct link *self, PyObject *arg, struct bento_worker_request *ret)
{
    unsigned long i = PyLong_AsUnsignedLong(arg);

    if (PyErr_Occurred())
        return -1;
    if (!self->in_job ||
        bento_worker_request(self->worker, (uint32_t)i, ret) != BENTO_OK) {
        PyErr_SetString(PyExc_IndexError, "no such request in this job");
        return -1;
    }
    return 0;
}

static PyObject *link_flags(PyObject *object, PyObject *arg)
{
    struct bento_worker_request r;

    return request_at((struct link *)object, arg, &r) == 0
               ? PyLong_FromUnsignedLong(r.flags)
               : NULL;
}

static PyObject *link_task_id(PyObject *object, PyObject *arg)
{
    static const char hex[] = "0123456789abcdef";
    struct bento_worker_request r;
    char text[36];
    size_t at = 0;

    if (request_at((struct link *)object, arg, &r) != 0)
        return NULL;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[at++] = '-';
        text[at++] = hex[r.task_id[i] >> 4];
        text[at++] = hex[r.task_id[i] & 15];
    }
    return PyUnicode_FromStringAndSize(text, sizeof text);
}

static PyObject *link_raw_body(PyObject *object, PyObject *arg)
{
    struct bento_worker_request r;

    return request_at((struct link *)object, arg, &r) == 0
               ? PyBytes_FromStringAndSize(r.body, (Py_ssize_t)r.body_size)
               : NULL;
}

static PyObject *link_body(PyObject *object, PyObject *arg)
{
    struct link *self = (struct link *)object;
    struct bento_error err = BENTO_ERROR_INIT;
    struct bento_worker_request r;
    char *text = NULL;
    size_t n = 0;
    bento_rc rc;

    if (request_at(self, arg, &r) != 0)
        return NULL;
    if (!(r.flags & BENTO_WORKER_GZIP))
        return PyBytes_FromStringAndSize(r.body, (Py_ssize_t)r.body_size);
    Py_BEGIN_ALLOW_THREADS rc = bento_gzip_inflate(
        r.body, r.body_size, (size_t)self->job.body_max, &text, &n, &err);
    Py_END_ALLOW_THREADS if (rc != BENTO_OK) return raise_error(&err);
    PyObject *bytes = PyBytes_FromStringAndSize(text, (Py_ssize_t)n);
    bento_gzip_free(text);
    return bytes;
}

static PyObject *header_pair(const struct bento_worker_request *r, uint32_t i)
{
    const char *name = "";
    const char *value = "";
    size_t name_n = 0;
    size_t value_n = 0;

    (void)bento_worker_header(r, i, &name, &name_n, &value, &value_n);
    return Py_BuildValue("(NN)", PyUnicode_DecodeLatin1(name, (Py_ssize_t)name_n, NULL),
                         PyUnicode_DecodeLatin1(value, (Py_ssize_t)value_n, NULL));
}

/* (method, target, ((name, value), ...)) */
static PyObject *link_head(PyObject *object, PyObject *arg)
{
    struct bento_worker_request r;
    const char *method;
    const char *target;
    size_t method_n;
    size_t target_n;
    uint32_t count;

    if (request_at((struct link *)object, arg, &r) != 0)
        return NULL;
    if (bento_worker_line(&r, &method, &method_n, &target, &target_n, &count) !=
        BENTO_OK) {
        PyErr_SetString(PyExc_ValueError, "request meta is broken");
        return NULL;
    }
    PyObject *headers = PyTuple_New((Py_ssize_t)count);
    for (uint32_t i = 0; headers && i < count; i++) {
        PyObject *pair = header_pair(&r, i);
        if (!pair) {
            Py_DECREF(headers);
            return NULL;
        }
        PyTuple_SET_ITEM(headers, (Py_ssize_t)i, pair);
    }
    if (!headers)
        return NULL;
    return Py_BuildValue("(s#s#N)", method, (Py_ssize_t)method_n, target,
                         (Py_ssize_t)target_n, headers);
}

static PyObject *link_started(PyObject *object, PyObject *args)
{
    struct link *self = (struct link *)object;
    PyObject *indices = Py_None;

    if (!PyArg_ParseTuple(args, "|O", &indices))
        return NULL;
    if (indices == Py_None) {
        for (uint32_t i = 0; self->in_job && i < self->job.count; i++)
            bento_worker_started(self->worker, i);
        Py_RETURN_NONE;
    }
    PyObject *fast = PySequence_Fast(indices, "started() takes a sequence of int");
    if (!fast)
        return NULL;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast); i++)
        bento_worker_started(self->worker, (uint32_t)PyLong_AsUnsignedLong(
                                               PySequence_Fast_GET_ITEM(fast, i)));
    Py_DECREF(fast);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

/* Decodes request i; multipart and foreign charsets are left to Python (code OK, no
 * frame). Runs without Python's lock. */
static void decode_one(struct link *self,
                       struct bento_frames *frames,
                       struct decoded *d,
                       uint32_t i,
                       char **ret_inflated)
{
    struct bento_error err = BENTO_ERROR_INIT;
    struct bento_worker_request r;

    *ret_inflated = NULL;
    if (bento_worker_request(self->worker, i, &r) != BENTO_OK ||
        (r.flags & (BENTO_WORKER_MULTIPART | BENTO_WORKER_CHARSET)))
        return;
    const char *body = r.body;
    size_t n = r.body_size;
    if (r.flags & BENTO_WORKER_GZIP) {
        bento_rc rc = bento_gzip_inflate(r.body, r.body_size, (size_t)self->job.body_max,
                                         ret_inflated, &n, &err);
        if (rc != BENTO_OK) {
            d->code[i] = rc == BENTO_EPARSE
                             ? BENTO_EIO
                             : rc; /* told apart from a body that is no frame */
            return;
        }
        body = *ret_inflated ? *ret_inflated : "";
    }
    d->code[i] = r.flags & BENTO_WORKER_CSV
                     ? bento_frame_csv(frames, body, n, &d->frame[i], &err)
                     : bento_frame_json(frames, body, n, &d->frame[i], &err);
}

static PyObject *link_decode(PyObject *object, PyObject *arg)
{
    struct link *self = (struct link *)object;
    struct bento_frames *frames = ((struct decoder *)arg)->frames;
    struct decoded d;

    if (!self->in_job) {
        PyErr_SetString(PyExc_RuntimeError, "no job to decode");
        return NULL;
    }
    char **inflated = PyMem_Calloc(self->job.count, sizeof *inflated);
    if (!inflated ||
        decoded_init(&d, self->job.count, ((struct decoder *)arg)->widen) != 0) {
        PyMem_Free(inflated);
        return PyErr_NoMemory();
    }
    bento_frames_clear(frames);
    Py_BEGIN_ALLOW_THREADS for (uint32_t i = 0; i < self->job.count; i++)
        decode_one(self, frames, &d, i, &inflated[i]);
    Py_END_ALLOW_THREADS PyObject *result = decoded_result(&d);
    for (uint32_t i = 0; i < self->job.count; i++)
        bento_gzip_free(inflated[i]);
    PyMem_Free(inflated);
    decoded_release(&d);
    return result;
}

/* ---- answers ---- */

/* "Name: value\r\n". Names and values that could end a line are refused. */
static PyObject *header_line(PyObject *pair)
{
    const char *name;
    const char *value;
    Py_ssize_t name_n;
    Py_ssize_t value_n;

    if (!PyArg_ParseTuple(pair, "s#s#", &name, &name_n, &value, &value_n))
        return NULL;
    if (name_n == 0 || memchr(name, '\r', (size_t)name_n) ||
        memchr(name, '\n', (size_t)name_n) || memchr(name, ':', (size_t)name_n) ||
        memchr(value, '\r', (size_t)value_n) || memchr(value, '\n', (size_t)value_n) ||
        memchr(value, '\0', (size_t)value_n)) {
        PyErr_Format(PyExc_ValueError, "response header %R is not allowed", pair);
        return NULL;
    }
    return PyBytes_FromFormat("%s: %s\r\n", name, value);
}

static PyObject *header_lines(PyObject *headers)
{
    PyObject *fast = PySequence_Fast(headers, "headers are a sequence of (name, value)");
    PyObject *lines = fast ? PyBytes_FromStringAndSize(NULL, 0) : NULL;

    for (Py_ssize_t i = 0; lines && i < PySequence_Fast_GET_SIZE(fast); i++) {
        PyObject *line = header_line(PySequence_Fast_GET_ITEM(fast, i));
        if (line)
            PyBytes_ConcatAndDel(&lines, line);
        else
            Py_CLEAR(lines);
    }
    Py_XDECREF(fast);
    return lines;
}

static int
send_answer(struct link *self, unsigned i, const struct bento_worker_answer *answer)
{
    struct bento_error err = BENTO_ERROR_INIT;
    bento_rc rc;

    if (answer->body_size <
        65536) { /* room is nearly always there: giving up the lock would cost more */
        rc = bento_worker_reply(self->worker, i, answer, &err);
    } else {
        Py_BEGIN_ALLOW_THREADS rc = bento_worker_reply(self->worker, i, answer, &err);
        Py_END_ALLOW_THREADS
    }
    if (rc == BENTO_OK)
        return 0;
    (void)raise_error(&err);
    return -1;
}

static PyObject *link_reply(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "i",       "status", "body",  "content",
                             "headers", "error",  "rerun", NULL };
    struct bento_worker_answer answer = { 0 };
    PyObject *headers = Py_None;
    PyObject *lines = NULL;
    unsigned i;
    int status;
    int content = 0;
    int error = 0;
    int rerun = 0;
    const char *body;
    Py_ssize_t size;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Iis#|iOpp", names, &i, &status, &body,
                                     &size, &content, &headers, &error, &rerun))
        return NULL;
    if (status < 100 || status > 599 || content < 0 || content > 3) {
        PyErr_Format(PyExc_ValueError, "HTTP status %d or content %d is out of range",
                     status, content);
        return NULL;
    }
    if (headers != Py_None) {
        lines = header_lines(headers);
        if (!lines)
            return NULL;
        answer.headers = PyBytes_AS_STRING(lines);
        answer.headers_size = (size_t)PyBytes_GET_SIZE(lines);
    }
    answer.status = (uint16_t)status;
    answer.content = (uint8_t)content;
    answer.error = error;
    answer.rerun = rerun;
    answer.body = body;
    answer.body_size = (size_t)size;
    int rc = send_answer((struct link *)object, i, &answer);
    Py_XDECREF(lines);
    if (rc != 0)
        return NULL;
    Py_RETURN_NONE;
}

/* ---- arrays as JSON ---- */

struct text {
    char *p;
    size_t n;
    size_t cap;
};

static int text_room(struct text *t, size_t more)
{
    if (t->n + more <= t->cap)
        return 0;
    size_t cap = t->cap ? t->cap * 2 : 4096;
    while (cap < t->n + more)
        cap *= 2;
    char *p = PyMem_Realloc(t->p, cap);
    if (!p) {
        PyErr_NoMemory();
        return -1;
    }
    t->p = p;
    t->cap = cap;
    return 0;
}

static void add_int(struct text *t, int64_t value)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (value < 0)
        digits[--at] = '-';
    memcpy(t->p + t->n, digits + at, sizeof digits - at);
    t->n += sizeof digits - at;
}

static int add_real(struct text *t, double value)
{
    char *repr = NULL;
    const char *text = isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";

    if (isfinite(value)) {
        repr = PyOS_double_to_string(value, 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
        if (!repr)
            return -1;
        text = repr;
    }
    size_t n = strlen(text);
    memcpy(t->p + t->n, text, n);
    t->n += n;
    PyMem_Free(repr);
    return 0;
}

static int add_cell(struct text *t, char format, const char *at)
{
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;

    switch (format) {
    case 'i':
        memcpy(&i32, at, 4);
        add_int(t, i32);
        return 0;
    case 'l':
    case 'q':
        memcpy(&i64, at, 8);
        add_int(t, i64);
        return 0;
    case 'B':
        add_int(t, *(const unsigned char *)at);
        return 0;
    case '?':
        memcpy(t->p + t->n, *at ? "true" : "false", *at ? 4 : 5);
        t->n += *at ? 4 : 5;
        return 0;
    case 'f':
        memcpy(&f32, at, 4);
        return add_real(t, (double)f32);
    default:
        memcpy(&f64, at, 8);
        return add_real(t, f64);
    }
}

static int
add_row(struct text *t, char format, const char *at, Py_ssize_t item, Py_ssize_t width)
{
    if (text_room(t, (size_t)width * 32 + 8) != 0)
        return -1;
    t->p[t->n++] = '[';
    for (Py_ssize_t i = 0; i < width; i++) {
        if (i) {
            t->p[t->n++] = ',';
            t->p[t->n++] = ' ';
        }
        if (add_cell(t, format, at + i * item) != 0)
            return -1;
    }
    t->p[t->n++] = ']';
    return 0;
}

/* Rows [from, from + rows) of the array as a JSON list. */
static int
add_slice(struct text *t, const Py_buffer *view, Py_ssize_t from, Py_ssize_t rows)
{
    char format = view->format[0];

    t->n = 0;
    if (view->ndim == 1)
        return add_row(t, format, (const char *)view->buf + from * view->itemsize,
                       view->itemsize, rows);
    Py_ssize_t width = view->shape[1];
    if (text_room(t, 8) != 0)
        return -1;
    t->p[t->n++] = '[';
    for (Py_ssize_t row = 0; row < rows; row++) {
        if (text_room(t, 8) != 0)
            return -1;
        if (row) {
            t->p[t->n++] = ',';
            t->p[t->n++] = ' ';
        }
        if (add_row(t, format,
                    (const char *)view->buf + (from + row) * width * view->itemsize,
                    view->itemsize, width) != 0)
            return -1;
    }
    if (text_room(t, 8) != 0)
        return -1;
    t->p[t->n++] = ']';
    return 0;
}

static int can_encode(const Py_buffer *view, Py_ssize_t total)
{
    return (view->ndim == 1 || view->ndim == 2) && view->format &&
           strlen(view->format) == 1 && strchr("ilqB?fd", view->format[0]) &&
           view->shape[0] == total;
}

static int reply_slices(struct link *self,
                        PyObject *indices,
                        PyObject *rows,
                        const Py_buffer *view,
                        int rerun)
{
    struct text text = { NULL, 0, 0 };
    Py_ssize_t from = 0;
    int rc = 0;

    for (Py_ssize_t i = 0; rc == 0 && i < PyTuple_GET_SIZE(indices); i++) {
        Py_ssize_t count = PyLong_AsSsize_t(PyTuple_GET_ITEM(rows, i));
        unsigned index = (unsigned)PyLong_AsUnsignedLong(PyTuple_GET_ITEM(indices, i));
        rc = PyErr_Occurred() ? -1 : add_slice(&text, view, from, count);
        from += count;
        struct bento_worker_answer answer = { .status = 200,
                                              .content = BENTO_WORKER_TYPE_JSON,
                                              .rerun = rerun,
                                              .body = text.p,
                                              .body_size = text.n };
        if (rc == 0)
            rc = send_answer(self, index, &answer);
    }
    PyMem_Free(text.p);
    return rc;
}

static PyObject *link_reply_array(PyObject *object, PyObject *args)
{
    PyObject *indices;
    PyObject *rows;
    PyObject *array;
    Py_ssize_t total;
    Py_buffer view;
    int rerun = 0;

    if (!PyArg_ParseTuple(args, "O!O!nO|p", &PyTuple_Type, &indices, &PyTuple_Type, &rows,
                          &total, &array, &rerun))
        return NULL;
    if (PyTuple_GET_SIZE(indices) != PyTuple_GET_SIZE(rows)) {
        PyErr_SetString(PyExc_ValueError, "indices and rows differ in length");
        return NULL;
    }
    if (PyObject_GetBuffer(array, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) != 0) {
        PyErr_Clear();
        Py_RETURN_FALSE;
    }
    if (!can_encode(&view, total)) {
        PyBuffer_Release(&view);
        Py_RETURN_FALSE;
    }
    int rc = reply_slices((struct link *)object, indices, rows, &view, rerun);
    PyBuffer_Release(&view);
    if (rc != 0)
        return NULL;
    Py_RETURN_TRUE;
}

static PyObject *link_flush(PyObject *object, PyObject *unused)
{
    (void)unused;
    bento_worker_flush(((struct link *)object)->worker);
    Py_RETURN_NONE;
}

static PyObject *link_done(PyObject *object, PyObject *args)
{
    struct link *self = (struct link *)object;
    struct bento_error err = BENTO_ERROR_INIT;
    unsigned long long user_ns = 0;
    unsigned groups = 1;
    unsigned reruns = 0;
    bento_rc rc;

    if (!PyArg_ParseTuple(args, "|KII", &user_ns, &groups, &reruns))
        return NULL;
    self->in_job = 0;
    Py_BEGIN_ALLOW_THREADS rc =
        bento_worker_done(self->worker, (uint64_t)(now_ns() - self->began_ns), user_ns,
                          groups, reruns, &err);
    Py_END_ALLOW_THREADS if (rc != BENTO_OK) return raise_error(&err);
    Py_RETURN_NONE;
}

static PyMethodDef link_methods[] = {
    { "hello", link_hello, METH_O, "Send the greeting, one line of JSON." },
    { "wait", link_wait, METH_VARARGS,
      "Wait for a job: (api, count), or None when the server is gone." },
    { "flags", link_flags, METH_O, "Flags of a request." },
    { "task_id", link_task_id, METH_O, "Request id." },
    { "raw_body", link_raw_body, METH_O, "Body as sent." },
    { "body", link_body, METH_O, "Body with gzip removed." },
    { "head", link_head, METH_O, "(method, target, headers)." },
    { "started", link_started, METH_VARARGS, "Mark requests as started." },
    { "decode", link_decode, METH_O, "Decode all requests with a FrameDecoder." },
    { "reply", (PyCFunction)(void (*)(void))link_reply, METH_VARARGS | METH_KEYWORDS,
      "Answer one request." },
    { "reply_array", link_reply_array, METH_VARARGS, "Answer a group from an array." },
    { "flush", link_flush, METH_NOARGS, "Wake the server for the answers so far." },
    { "done", link_done, METH_VARARGS, "End the job." },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot link_slots[] = {
    { Py_tp_new, (void *)link_new },
    { Py_tp_dealloc, (void *)link_dealloc },
    { Py_tp_methods, link_methods },
    { Py_tp_doc,
      (void *)"Link(text=None): the worker's end of the connection to the server." },
    { 0, NULL },
};

PyType_Spec link_spec = { "bentoml._core.Link", sizeof(struct link), 0,
                          Py_TPFLAGS_DEFAULT, link_slots };
