/* Heads of HTTP/1.1 answers; see http1.h. */
#include "proto/http1.h"

#include <time.h>

const char *bento_http_reason(int status)
{
    switch (status) {
    case 100:
        return "Continue";
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 202:
        return "Accepted";
    case 204:
        return "No Content";
    case 206:
        return "Partial Content";
    case 301:
        return "Moved Permanently";
    case 302:
        return "Found";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 406:
        return "Not Acceptable";
    case 408:
        return "Request Timeout";
    case 409:
        return "Conflict";
    case 411:
        return "Length Required";
    case 413:
        return "Payload Too Large";
    case 414:
        return "URI Too Long";
    case 415:
        return "Unsupported Media Type";
    case 417:
        return "Expectation Failed";
    case 418:
        return "I'm a Teapot";
    case 422:
        return "Unprocessable Entity";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Unknown";
    }
}

static bool is_token(unsigned char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
        return true;
    return c && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

bool bento_http_header_ok(struct bento_str name, struct bento_str value)
{
    if (name.n == 0)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!is_token((unsigned char)name.p[i]))
            return false;
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7F)
            return false;
    }
    return true;
}

static void add_line(struct bento_buf *to, struct bento_str name, struct bento_str value)
{
    bento_buf_addstr(to, name);
    bento_buf_add(to, ": ", 2);
    bento_buf_addstr(to, value);
    bento_buf_add(to, "\r\n", 2);
}

void bento_http1_answer(struct bento_buf *to, const struct bento_http_answer *a)
{
    if (a->status == 200) {
        bento_buf_addstr(to, BENTO_STR("HTTP/1.1 200 OK\r\n"));
    } else {
        bento_buf_addstr(to, BENTO_STR("HTTP/1.1 "));
        bento_buf_addu(to, (uint64_t)a->status);
        bento_buf_addc(to, ' ');
        bento_buf_adds(to, bento_http_reason(a->status));
        bento_buf_add(to, "\r\n", 2);
    }
    bool bodyless = a->status == 204 || a->status == 304 || a->status < 200;
    if (a->type.n && !bodyless)
        add_line(to, BENTO_STR("Content-Type"), a->type);
    if (a->chunked && !bodyless) {
        bento_buf_addstr(to, BENTO_STR("Transfer-Encoding: chunked\r\n"));
    } else if (!bodyless) {
        bento_buf_addstr(to, BENTO_STR("Content-Length: "));
        bento_buf_addu(to, a->length);
        bento_buf_add(to, "\r\n", 2);
    }
    if (a->request_id.n)
        add_line(to, BENTO_STR("X-Request-Id"), a->request_id);
    if (a->date.n)
        add_line(to, BENTO_STR("Date"), a->date);
    for (size_t i = 0; i < a->header_count; i++)
        if (bento_http_header_ok(a->headers[i].name, a->headers[i].value))
            add_line(to, a->headers[i].name, a->headers[i].value);
    if (!a->keep_alive)
        bento_buf_addstr(to, BENTO_STR("Connection: close\r\n"));
    else if (a->minor == 0)
        bento_buf_addstr(to, BENTO_STR("Connection: keep-alive\r\n"));
    bento_buf_add(to, "\r\n", 2);
}

void bento_http1_chunk(struct bento_buf *to, const char *p, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    char size[16];
    size_t at = sizeof size;
    size_t left = n;

    do {
        size[--at] = hex[left & 15];
        left >>= 4;
    } while (left);
    bento_buf_add(to, size + at, sizeof size - at);
    bento_buf_add(to, "\r\n", 2);
    bento_buf_add(to, p, n);
    bento_buf_add(to, "\r\n", 2);
}

static void put_digits(char *to, int count, int value)
{
    while (count--) {
        to[count] = (char)('0' + value % 10);
        value /= 10;
    }
}

void bento_http_date(int64_t unix_seconds, char to[30])
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)unix_seconds;
    struct tm t;

    (void)gmtime_r(&seconds, &t);
    memcpy(to, "Xxx, 00 Xxx 0000 00:00:00 GMT", 30);
    memcpy(to, days + 3 * t.tm_wday, 3);
    put_digits(to + 5, 2, t.tm_mday);
    memcpy(to + 8, months + 3 * t.tm_mon, 3);
    put_digits(to + 12, 4, t.tm_year + 1900);
    put_digits(to + 17, 2, t.tm_hour);
    put_digits(to + 20, 2, t.tm_min);
    put_digits(to + 23, 2, t.tm_sec);
}
