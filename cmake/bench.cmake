# bench/: the simulator of batching policies. Not installed.
add_executable(bento_simulate ${CMAKE_SOURCE_DIR}/bench/simulate.c ${CMAKE_SOURCE_DIR}/bench/sim.c
  ${CMAKE_SOURCE_DIR}/bench/sim_policies.c)
target_include_directories(bento_simulate PRIVATE ${CMAKE_SOURCE_DIR}/bench)
target_link_libraries(bento_simulate PRIVATE bento_flags bento_core)
