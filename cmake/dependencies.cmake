# What the C core links: libraries of the distribution, found by pkg-config, and llhttp from its generated C sources.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)

set(LLHTTP_SRC_DIR /usr/share/llhttp CACHE PATH "llhttp C sources (package node-llhttp)")
set(LLHTTP_INC_DIR /usr/share/include/llhttp CACHE PATH "folder of llhttp.h")
if(NOT EXISTS ${LLHTTP_SRC_DIR}/llhttp.c)
  message(FATAL_ERROR "llhttp's C sources are not in ${LLHTTP_SRC_DIR}; install Debian's node-llhttp or set LLHTTP_SRC_DIR")
endif()
add_library(llhttp STATIC ${LLHTTP_SRC_DIR}/llhttp.c ${LLHTTP_SRC_DIR}/api.c ${LLHTTP_SRC_DIR}/http.c)
target_include_directories(llhttp SYSTEM PUBLIC ${LLHTTP_INC_DIR})
# Strict tables are chosen at compile time; without them several request-smuggling shapes pass.
target_compile_definitions(llhttp PRIVATE LLHTTP_STRICT_MODE=1)
target_compile_options(llhttp PRIVATE -O2 -w)
