/* SPDX-License-Identifier: MIT */
/* The smallest OME-XML that readers of OME-TIFF accept, and where the picture comes from. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <restain/version.h>

#include "slide/pyramid_parts.h"

/* Text for XML in ASCII: what XML reserves and what is not ASCII become references. Bytes that no
 * XML may hold, and damaged UTF-8, become '?'. */
static void add_escaped(rst_str *out, const char *text)
{
    const uint8_t *p = (const uint8_t *)text;
    while (*p) {
        const uint8_t c = *p++;
        const int more = c < 0x80 ? 0 : c >> 5 == 6 ? 1 : c >> 4 == 14 ? 2 : c >> 3 == 30 ? 3 : -1;
        uint32_t code = more <= 0 ? c : c & (0x3fu >> more);
        int left = more;
        for (; left > 0 && (*p & 0xc0) == 0x80; left--)
            code = code << 6 | (*p++ & 0x3fu);
        const bool control = (code < 32 && code != '\n' && code != '\t') || code == 127;
        const bool surrogate = (code >= 0xd800 && code < 0xe000) || (code & 0xfffe) == 0xfffe;
        if (left != 0 || control || surrogate)
            rst__str_add(out, "?");
        else if (code > 127 || strchr("&<>\"'", (int)code))
            rst__str_printf(out, "&#%" PRIu32 ";", code);
        else
            rst__str_printf(out, "%c", (int)code);
    }
}

/* Micrometres with nine decimals, whatever the locale's decimal point is. */
static void add_size(rst_str *out, char axis, double mpp)
{
    const int64_t pico = llround(mpp * 1e9);
    rst__str_printf(out,
                    " PhysicalSize%c=\"%" PRId64 ".%09" PRId64 "\" PhysicalSize%cUnit=\"&#181;m\"",
                    axis, pico / 1000000000, pico % 1000000000, axis);
}

void rst__ome_xml(rst_str *out, const rst_pyramid_options *o)
{
    rst__str_add(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                      "<OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\""
                      " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\""
                      " xsi:schemaLocation=\"http://www.openmicroscopy.org/Schemas/OME/2016-06"
                      " http://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd\"");
    rst__str_printf(out, " Creator=\"restain %s\">\n<Image ID=\"Image:0\">\n", rst_version());
    rst__str_printf(out,
                    "<Pixels ID=\"Pixels:0\" DimensionOrder=\"XYCZT\" Type=\"uint8\""
                    " SignificantBits=\"8\" Interleaved=\"true\" BigEndian=\"%s\" SizeX=\"%" PRId64
                    "\" SizeY=\"%" PRId64 "\" SizeC=\"3\" SizeZ=\"1\" SizeT=\"1\"",
                    o->big_endian ? "true" : "false", o->width, o->height);
    if (o->mpp > 0) {
        add_size(out, 'X', o->mpp);
        add_size(out, 'Y', o->mpp);
    }
    rst__str_add(out, ">\n<Channel ID=\"Channel:0:0\" SamplesPerPixel=\"3\"/>\n"
                      "<TiffData IFD=\"0\" PlaneCount=\"1\"/>\n</Pixels>\n");
    if (o->provenance) {
        rst__str_add(out,
                     "<AnnotationRef ID=\"Annotation:0\"/>\n</Image>\n<StructuredAnnotations>\n"
                     "<CommentAnnotation ID=\"Annotation:0\" Namespace=\"restain/provenance\">"
                     "\n<Value>");
        add_escaped(out, o->provenance);
        rst__str_add(out, "</Value>\n</CommentAnnotation>\n</StructuredAnnotations>\n</OME>\n");
    } else {
        rst__str_add(out, "</Image>\n</OME>\n");
    }
}
