# Run by cpack over the staged files, before they are packed: what Debian wants beside them.
set(documents ${CPACK_TEMPORARY_DIRECTORY}/usr/share/doc/mailbatch)
set(everybody OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
file(COPY ${CPACK_MAILBATCH_PACKAGE}/copyright ${CPACK_MAILBATCH_PACKAGE}/changelog
    DESTINATION ${documents} FILE_PERMISSIONS ${everybody})
file(RENAME ${documents}/changelog ${documents}/changelog.Debian)
file(GLOB manuals ${CPACK_TEMPORARY_DIRECTORY}/usr/share/man/man1/*.1)
execute_process(COMMAND gzip -9nf ${documents}/changelog.Debian ${manuals} COMMAND_ERROR_IS_FATAL ANY)
# Folders have the packer's umask.
execute_process(COMMAND find ${CPACK_TEMPORARY_DIRECTORY}/usr -type d -exec chmod 755 {} +
    COMMAND_ERROR_IS_FATAL ANY)
