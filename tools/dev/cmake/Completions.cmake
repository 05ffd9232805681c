# mailbatch_completions(NAME)
#   Completions of the tool NAME for bash and zsh, made of its own --help whenever it is linked. A tool
#   for another machine cannot be asked, so there are none then.
#   Zsh looks into site-functions below /usr/local; what a distribution's packages bring is in vendor-completions.
function(mailbatch_completions name)
    if(CMAKE_CROSSCOMPILING)
        return()
    endif()
    set(script ${PROJECT_SOURCE_DIR}/tools/dev/make-completions)
    set(folder ${PROJECT_BINARY_DIR}/completions)
    set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS ${script})
    add_custom_command(TARGET ${name} POST_BUILD
        COMMAND ${script} bash $<TARGET_FILE:${name}> ${folder}/${name}
        COMMAND ${script} zsh $<TARGET_FILE:${name}> ${folder}/_${name}
        BYPRODUCTS ${folder}/${name} ${folder}/_${name}
        VERBATIM)
    install(FILES ${folder}/${name} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
    # The prefix is known when it is installed, not before.
    install(CODE "
        set(site site-functions)
        if(CMAKE_INSTALL_PREFIX STREQUAL \"/usr\")
            set(site vendor-completions)
        endif()
        file(INSTALL \"${folder}/_${name}\" DESTINATION \"\${CMAKE_INSTALL_PREFIX}/share/zsh/\${site}\")")
endfunction()
