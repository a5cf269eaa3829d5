# Several sources in one object: most of the time of a source goes into templates that its neighbours instantiate as well.
# IPSECPP_TOGETHER=1 compiles each alone, which is better where one of them is changed often.
#
#   ipsecpp_together(VARIABLE NAME FILES...)  tests: VARIABLE is what to compile instead of FILES, at most IPSECPP_TOGETHER of them
#     in one source that is made when building. Each stands in a namespace of its own there, behind the includes of all, so that what
#     two files call alike does not meet. A file with a macro, a condition or an operator new of its own stays alone.
#   ipsecpp_in_one(TARGET [COUNT])            a program, whose sources call nothing alike: COUNT of them, or all

set(ipsecpp_stays_alone "^ *# *(define|undef|if)|^[a-z].*operator new")

if(CMAKE_SCRIPT_MODE_FILE) # cmake -DOUT=SOURCE -DFILES=A;B -P together.cmake
  set(includes "")
  set(bodies "")
  foreach(file IN LISTS FILES)
    file(STRINGS "${file}" own REGEX "${ipsecpp_stays_alone}")
    if(own)
      message(FATAL_ERROR "${file} cannot stand beside others any more: configure again")
    endif()
    file(STRINGS "${file}" lines REGEX "^#include ")
    list(TRANSFORM lines REPLACE "([>\"]) *//.*" "\\1") # what is said of an include
    list(APPEND includes ${lines})
    string(MAKE_C_IDENTIFIER "${file}" name)
    string(APPEND bodies "namespace in_${name} {\n#include \"${file}\"\n}\n")
  endforeach()
  list(REMOVE_DUPLICATES includes)
  list(JOIN includes "\n" includes)
  file(WRITE "${OUT}" "${includes}\n${bodies}")
  return()
endif()

set(IPSECPP_TOGETHER 8 CACHE STRING "Test files that are compiled as one; with 1 the sources of a program are not one either")
if(NOT IPSECPP_TOGETHER MATCHES "^[1-9][0-9]*$")
  message(FATAL_ERROR "IPSECPP_TOGETHER is '${IPSECPP_TOGETHER}', and has to be a whole number from 1")
endif()
set(ipsecpp_together_script "${CMAKE_CURRENT_LIST_FILE}")

function(ipsecpp_together variable name)
  set(sources "")
  set(batch "")
  foreach(file IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH file)
    file(STRINGS "${file}" own REGEX "${ipsecpp_stays_alone}")
    if(own OR IPSECPP_TOGETHER LESS 2)
      list(APPEND sources "${file}")
    else()
      list(APPEND batch "${file}")
    endif()
  endforeach()
  list(LENGTH batch count)
  if(count)
    # as many sources as are needed, of nearly one size
    math(EXPR parts "(${count} + ${IPSECPP_TOGETHER} - 1) / ${IPSECPP_TOGETHER}")
    math(EXPR size "(${count} + ${parts} - 1) / ${parts}")
    math(EXPR last "${count} - 1")
    foreach(first RANGE 0 ${last} ${size})
      list(SUBLIST batch ${first} ${size} some)
      set(source "${CMAKE_CURRENT_BINARY_DIR}/together/${name}_${first}.cpp")
      add_custom_command(
        OUTPUT "${source}"
        COMMAND "${CMAKE_COMMAND}" "-DOUT=${source}" "-DFILES=${some}" -P "${ipsecpp_together_script}"
        DEPENDS ${some} "${ipsecpp_together_script}"
        COMMENT "Putting tests together: ${name}_${first}"
        VERBATIM)
      list(APPEND sources "${source}")
    endforeach()
  endif()
  set(${variable} ${sources} PARENT_SCOPE)
endfunction()

function(ipsecpp_in_one target)
  if(IPSECPP_TOGETHER GREATER 1)
    set(count ${ARGN})
    if(NOT count)
      set(count 0) # CMake's word for all
    endif()
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${count})
  endif()
endfunction()
