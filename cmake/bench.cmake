# bench/: the simulator of batching policies, the load generator and the bare echo server. Not installed.
add_executable(bento_simulate ${CMAKE_SOURCE_DIR}/bench/simulate.c ${CMAKE_SOURCE_DIR}/bench/sim.c
  ${CMAKE_SOURCE_DIR}/bench/sim_policies.c)
target_include_directories(bento_simulate PRIVATE ${CMAKE_SOURCE_DIR}/bench)
target_link_libraries(bento_simulate PRIVATE bento_flags bento_core)
foreach(program load echo)
  add_executable(bento_${program} ${CMAKE_SOURCE_DIR}/bench/${program}.c)
  target_link_libraries(bento_${program} PRIVATE bento_flags bento_base)
endforeach()
