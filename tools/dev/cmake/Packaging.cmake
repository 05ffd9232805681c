# What is installed beside the tools, and `cpack -G DEB` in a build folder: one Debian package.
install(DIRECTORY samples/ DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/mailbatch/examples
    PATTERN "*~" EXCLUDE
    PATTERN "*.swp" EXCLUDE
    REGEX "\\.(sh|py)$" PERMISSIONS
        OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_PACKAGE_NAME mailbatch)
set(CPACK_PACKAGE_CONTACT "The mailbatch authors <maintainers@mailbatch.example>" CACHE STRING
    "Maintainer of the package that cpack makes: NAME <ADDRESS>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "mail merge and mailbox archiving from the command line")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Four small programs for mail in bulk, with nothing lost on the way:
mmerge sends a template and a CSV file over SMTP with TLS and keeps a
ledger, so that after a crash nobody is mailed twice or forgotten;
popdump archives POP3 mailboxes byte for byte into plain tar and proves
the archive against its own checksums; mparse shows the MIME structure
of mail and takes out attachments; mailsink is a local SMTP and POP3
server with scripted faults to try all this on.")

set(CPACK_GENERATOR DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
# Runs over the staged files: Debian's documents, compressed manuals.
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/tools/dev/package/stage.cmake)
# Runs first: locale, and the time stamps of the changelog, so that two runs give the same bytes.
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/tools/dev/package/before.cmake)
set(CPACK_MAILBATCH_PACKAGE ${PROJECT_SOURCE_DIR}/tools/dev/package)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION mail)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates, openssl")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
include(CPack)
