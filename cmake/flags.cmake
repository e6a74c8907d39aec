# Compiler flags of our own code: an interface target, so that third-party sources never see them.
add_library(bento_flags INTERFACE)
target_include_directories(bento_flags INTERFACE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(bento_flags INTERFACE _GNU_SOURCE)
target_compile_options(bento_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wwrite-strings -Wpointer-arith -Wcast-align -Wformat=2 -Wundef -Wvla -Wnull-dereference
  -Wimplicit-fallthrough -Wredundant-decls -Wnested-externs -fno-common -fstack-protector-strong)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(bento_flags INTERFACE -Wlogical-op -Wduplicated-cond -Wduplicated-branches
    -Wjump-misses-init -Wformat-truncation=1)
endif()
if(BENTO_WERROR)
  target_compile_options(bento_flags INTERFACE -Werror)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(bento_flags INTERFACE _FORTIFY_SOURCE=2)
endif()
if(BENTO_SANITIZE)
  add_compile_options(-fsanitize=${BENTO_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${BENTO_SANITIZE})
endif()
