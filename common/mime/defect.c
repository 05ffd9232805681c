#include <mailbatch/mime/defect.h>

typedef struct {
    const char *code;
    const char *text;
    char weight;
} Row;

enum {
    I = 'I',
    W = 'W',
    E = 'E',
};

static const Row rows[] = {
#define X(name, code, weight, text) {code, text, weight},
    MB_DEFECT_TABLE(X)
#undef X
};

static MbFlawKind flaw_of(unsigned code)
{
    return (MbFlawKind)(code - MB_DEFECT_FLAWS);
}

const char *mb_defect_code(unsigned code)
{
    return code < MB_DEFECT_FLAWS ? rows[code].code : mb_flaw_code(flaw_of(code));
}

const char *mb_defect_text(unsigned code)
{
    return code < MB_DEFECT_FLAWS ? rows[code].text : mb_flaw_text(flaw_of(code));
}

MbSeverity mb_defect_severity(unsigned code)
{
    char weight = code < MB_DEFECT_FLAWS ? rows[code].weight : mb_flaw_weight(flaw_of(code));

    if (weight == I)
        return MB_SEVERITY_INFO;
    return weight == W ? MB_SEVERITY_WARN : MB_SEVERITY_ERROR;
}

const char *mb_severity_name(MbSeverity severity)
{
    static const char *const names[] = {"info", "warn", "error"};

    return names[severity];
}
