/* An integer network that qat wrote, and what runs it and classifies images.
 *
 *     cc -std=c99 -O2 -o model model.c
 *     ./model image.ppm               a binary PPM (P6; of one channel a PGM, P5) of the
 *                                     network's size
 *     ./model --raw pixels            the bytes of the pixels (height, width, channels)
 *     ./model --cifar batch [count]   a binary CIFAR-10 batch: for each image its
 *                                     label, the prediction and the logits
 *
 * A logit is an integer; docs/export.md of qat says of which scale. There is no
 * floating point and no malloc: qat_run needs QAT_ARENA_BYTES + QAT_ROW bytes of
 * memory, the constants below, and a stack of some hundred bytes. Define QAT_NO_MAIN
 * to leave out all that needs stdio.
 *
 * qat.digest sha256:0000000000000000000000000000000000000000000000000000000000000000
 */
#include "model.h"

static uint8_t arena[QAT_ARENA_BYTES]; /* the tensors' codes */
static int8_t row[QAT_ROW];            /* the unpacked weights of one output */

/* Rounds p*2^-shift to the nearest integer, halves to the even one. */
static int64_t round_half_even(int64_t p, uint8_t shift)
{
    uint64_t magnitude = p < 0 ? 0 - (uint64_t)p : (uint64_t)p;
    uint64_t floor = magnitude >> shift;
    uint64_t rest = magnitude - (floor << shift);
    uint64_t half = (uint64_t)1 << (shift - 1);

    if (rest > half || (rest == half && (floor & 1) != 0))
        floor++;
    return p < 0 ? -(int64_t)floor : (int64_t)floor;
}

/* The code of clamp(round(p*2^-shift) + zero_point, lo, hi). */
static uint8_t to_code(int64_t p, uint8_t shift, int32_t zero_point, const struct qat_layer *l)
{
    int64_t v = round_half_even(p, shift) + zero_point;

    if (v < l->lo)
        return l->lo;
    if (v > l->hi)
        return l->hi;
    return (uint8_t)v;
}

/* Unpacks the n weights of output o into row. Weight i has the bits i*bits to
 * i*bits + bits - 1 of the data, the lowest bit of a byte first, in two's complement.
 * Weights of QAT_SIGN have one bit: 0 is 1, and 1 is -1. */
static void unpack(const struct qat_layer *l, int32_t o, int32_t n)
{
    uint32_t bits = l->bits == QAT_SIGN ? 1 : l->bits;
    uint32_t at = (uint32_t)o * (uint32_t)n * bits;
    const uint8_t *weights = qat_weights + l->weights;
    int32_t i;

    for (i = 0; i < n; i++, at += bits) {
        uint32_t field = (uint32_t)weights[at / 8] >> at % 8;

        if (at % 8 + bits > 8)
            field |= (uint32_t)weights[at / 8 + 1] << (8 - at % 8);
        field &= ((uint32_t)1 << bits) - 1;
        if (l->bits == QAT_SIGN)
            row[i] = field == 0 ? 1 : -1;
        else
            row[i] = (int8_t)((int32_t)field - (int32_t)((field >> (bits - 1)) << bits));
    }
}

/* The sum of (code - zero_point)*weight. */
static int32_t dot(const uint8_t *codes, int32_t zero_point, const int8_t *w, int32_t n)
{
    int32_t acc = 0, i;

    for (i = 0; i < n; i++)
        acc += (codes[i] - zero_point) * w[i];
    return acc;
}

static void conv(const struct qat_layer *l, const struct qat_tensor *in, const struct qat_tensor *out)
{
    const int32_t *bias = qat_bias + l->first, *multiplier = qat_multiplier + l->first;
    const uint8_t *shift = qat_shift + l->first;
    int32_t o, y, x, ky, kx, n = in->c / l->groups, outputs = out->c / l->groups;

    for (o = 0; o < out->c; o++) {
        const uint8_t *group = arena + in->offset + o / outputs * n; /* the inputs that an output sees */

        unpack(l, o, l->kernel[0] * l->kernel[1] * n);
        for (y = 0; y < out->h; y++)
            for (x = 0; x < out->w; x++) {
                int32_t acc = bias[o];

                for (ky = 0; ky < l->kernel[0]; ky++)
                    for (kx = 0; kx < l->kernel[1]; kx++) {
                        int32_t iy = y * l->stride[0] + ky - l->padding[0], ix = x * l->stride[1] + kx - l->padding[1];

                        /* Padding is real zero: it adds nothing. */
                        if (iy >= 0 && iy < in->h && ix >= 0 && ix < in->w)
                            acc += dot(group + (iy * in->w + ix) * in->c, in->zero_point,
                                       row + (ky * l->kernel[1] + kx) * n, n);
                    }
                arena[out->offset + (y * out->w + x) * out->c + o] =
                    to_code((int64_t)acc * multiplier[o], shift[o], out->zero_point, l);
            }
    }
}

static void requantize(const struct qat_layer *l, const struct qat_tensor *in, const struct qat_tensor *out)
{
    int32_t i, n = out->h * out->w * out->c;

    for (i = 0; i < n; i++)
        arena[out->offset + i] =
            to_code((int64_t)(arena[in->offset + i] - in->zero_point) * qat_multiplier[l->first], qat_shift[l->first], out->zero_point, l);
}

static void add(const struct qat_layer *l, const struct qat_tensor *a, const struct qat_tensor *b, const struct qat_tensor *out)
{
    int32_t i, n = out->h * out->w * out->c;

    for (i = 0; i < n; i++) {
        int64_t p = (int64_t)(arena[a->offset + i] - a->zero_point) * qat_multiplier[l->first] +
                    (int64_t)(arena[b->offset + i] - b->zero_point) * qat_multiplier[l->first + 1];

        arena[out->offset + i] = to_code(p, qat_shift[l->first], out->zero_point, l);
    }
}

/* Takes every stride-th pixel; half of the new channels of zero come before the old. */
static void shortcut(const struct qat_layer *l, const struct qat_tensor *in, const struct qat_tensor *out)
{
    int32_t y, x, c, left = (out->c - in->c) / 2;

    for (y = 0; y < out->h; y++)
        for (x = 0; x < out->w; x++) {
            uint8_t *to = arena + out->offset + (y * out->w + x) * out->c;
            const uint8_t *from = arena + in->offset + (y * l->stride[0] * in->w + x * l->stride[1]) * in->c;

            for (c = 0; c < out->c; c++)
                to[c] = c >= left && c - left < in->c ? from[c - left] : (uint8_t)out->zero_point;
        }
}

/* The largest code of each channel in a window; what is outside of the input never wins. */
static void max_pool(const struct qat_layer *l, const struct qat_tensor *in, const struct qat_tensor *out)
{
    int32_t y, x, c, ky, kx;

    for (y = 0; y < out->h; y++)
        for (x = 0; x < out->w; x++)
            for (c = 0; c < out->c; c++) {
                uint8_t largest = 0;

                for (ky = 0; ky < l->kernel[0]; ky++)
                    for (kx = 0; kx < l->kernel[1]; kx++) {
                        int32_t iy = y * l->stride[0] + ky - l->padding[0], ix = x * l->stride[1] + kx - l->padding[1];

                        if (iy >= 0 && iy < in->h && ix >= 0 && ix < in->w) {
                            uint8_t code = arena[in->offset + (iy * in->w + ix) * in->c + c];

                            if (code > largest)
                                largest = code;
                        }
                    }
                arena[out->offset + (y * out->w + x) * out->c + c] = largest;
            }
}

static void average_pool(const struct qat_layer *l, const struct qat_tensor *in, const struct qat_tensor *out)
{
    int32_t c, i, pixels = in->h * in->w;

    for (c = 0; c < in->c; c++) {
        int32_t sum = 0;

        for (i = 0; i < pixels; i++)
            sum += arena[in->offset + i * in->c + c] - in->zero_point;
        arena[out->offset + c] = to_code((int64_t)sum * qat_multiplier[l->first], qat_shift[l->first], out->zero_point, l);
    }
}

/* Averages in windows that do not all count as many pixels. */
static void average_window(const struct qat_layer *l, const struct qat_tensor *in, const struct qat_tensor *out)
{
    const uint8_t *rows = qat_weights + l->weights, *columns = rows + out->h;
    int32_t y, x, c, ky, kx;

    for (y = 0; y < out->h; y++)
        for (x = 0; x < out->w; x++)
            for (c = 0; c < out->c; c++) {
                uint32_t m = l->first + (uint32_t)rows[y] * columns[x] - 1;
                int32_t sum = 0;

                for (ky = 0; ky < l->kernel[0]; ky++)
                    for (kx = 0; kx < l->kernel[1]; kx++) {
                        int32_t iy = y * l->stride[0] + ky - l->padding[0], ix = x * l->stride[1] + kx - l->padding[1];

                        if (iy >= 0 && iy < in->h && ix >= 0 && ix < in->w)
                            sum += arena[in->offset + (iy * in->w + ix) * in->c + c] - in->zero_point;
                    }
                arena[out->offset + (y * out->w + x) * out->c + c] =
                    to_code((int64_t)sum * qat_multiplier[m], qat_shift[m], out->zero_point, l);
            }
}

/* The channels of a and, behind them, of b. */
static void concat(const struct qat_tensor *a, const struct qat_tensor *b, const struct qat_tensor *out)
{
    int32_t i, c;

    for (i = 0; i < out->h * out->w; i++)
        for (c = 0; c < out->c; c++)
            arena[out->offset + i * out->c + c] = c < a->c ? arena[a->offset + i * a->c + c] : arena[b->offset + i * b->c + c - a->c];
}

static void lookup(const struct qat_layer *l, const struct qat_tensor *in, const struct qat_tensor *out)
{
    const uint8_t *tables = qat_weights + l->weights;
    int32_t i, n = in->h * in->w * in->c;

    for (i = 0; i < n; i++)
        arena[out->offset + i] = tables[i % in->c * l->stride[0] + arena[in->offset + i] - l->lo];
}

static void linear(const struct qat_layer *l, const struct qat_tensor *in, int32_t *logits)
{
    const int32_t *bias = qat_bias + l->first, *multiplier = qat_multiplier + l->first;
    const uint8_t *shift = qat_shift + l->first;
    int32_t o, n = in->h * in->w * in->c;

    for (o = 0; o < QAT_CLASSES; o++) {
        int32_t acc = bias[o];

        unpack(l, o, n);
        acc += dot(arena + in->offset, in->zero_point, row, n);
        logits[o] = (int32_t)round_half_even((int64_t)acc * multiplier[o], shift[o]);
    }
}

int qat_run(const uint8_t *pixels, int32_t logits[QAT_CLASSES])
{
    const struct qat_tensor *t = qat_tensors;
    int32_t i;
    int best = 0;

    for (i = 0; i < QAT_PIXELS; i++)
        arena[t[0].offset + i] = {{if .Real}}{{.Real.Code}}{{else}}qat_input[i % QAT_CHANNELS][pixels[i]]{{end}};
    for (i = 0; i < (int32_t)(sizeof qat_layers / sizeof qat_layers[0]); i++) {
        const struct qat_layer *l = &qat_layers[i];

        switch (l->kind) {
        case QAT_CONV: conv(l, &t[l->in], &t[l->out]); break;
        case QAT_REQUANTIZE: requantize(l, &t[l->in], &t[l->out]); break;
        case QAT_ADD: add(l, &t[l->in], &t[l->in2], &t[l->out]); break;
        case QAT_SHORTCUT: shortcut(l, &t[l->in], &t[l->out]); break;
        case QAT_MAX_POOL: max_pool(l, &t[l->in], &t[l->out]); break;
        case QAT_AVERAGE_POOL: average_pool(l, &t[l->in], &t[l->out]); break;
        case QAT_AVERAGE_WINDOW: average_window(l, &t[l->in], &t[l->out]); break;
        case QAT_CONCAT: concat(&t[l->in], &t[l->in2], &t[l->out]); break;
        case QAT_LOOKUP: lookup(l, &t[l->in], &t[l->out]); break;
        default: linear(l, &t[l->in], logits); break; /* QAT_LINEAR, the last */
        }
    }
    for (i = 1; i < QAT_CLASSES; i++)
        if (logits[i] > logits[best])
            best = (int)i;
    return best;
}

#ifndef QAT_NO_MAIN

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t file[1 + QAT_PIXELS];
static uint8_t pixels[QAT_PIXELS];
static int32_t logits[QAT_CLASSES];

static int fail(const char *path, const char *what)
{
    fprintf(stderr, "model: %s: %s\n", path, what);
    return 1;
}

/* Reads the next number of a PPM's header, past white space and comments; -1 if there
 * is none. */
static long number(FILE *f)
{
    long n = 0;
    int c = getc(f), digits = 0;

    while (c == ' ' || (c >= '\t' && c <= '\r') || c == '#') {
        if (c == '#')
            while (c != '\n' && c != EOF)
                c = getc(f);
        if (c != EOF)
            c = getc(f);
    }
    for (; c >= '0' && c <= '9' && n < 100000; c = getc(f), digits++)
        n = 10 * n + (c - '0');
    /* One character of white space ends a number. */
    return digits > 0 && (c == ' ' || (c >= '\t' && c <= '\r')) ? n : -1;
}

static int classify(const char *path, int raw)
{
    FILE *f = fopen(path, "rb");
    int best, o;

    if (f == NULL)
        return fail(path, "cannot be opened");
    if (!raw) {
        if (getc(f) != 'P' || getc(f) != (QAT_CHANNELS == 1 ? '5' : '6') || {{if .Image}}QAT_CHANNELS == 2{{else}}1{{end}})
            return fail(path, QAT_CHANNELS == 1 ? "is no binary PGM, which begins with P5" : "is no binary PPM, which begins with P6");
        if (number(f) != QAT_WIDTH || number(f) != QAT_HEIGHT)
            return fail(path, "has another size than the network takes");
        if (number(f) != 255)
            return fail(path, "has a largest value other than 255");
    }
    if (fread(pixels, 1, QAT_PIXELS, f) != QAT_PIXELS)
        return fail(path, "has too few bytes");
    if (raw && getc(f) != EOF)
        return fail(path, "has more bytes than an image");
    fclose(f);
    best = qat_run(pixels, logits);
    for (o = 0; o < QAT_CLASSES; o++)
        printf("%ld %s\n", (long)logits[o], qat_classes[o]);
    printf("=> %s\n", qat_classes[best]);
    return 0;
}

/* A record of a batch is the label, and the planes of the channels. */
static int batch(const char *path, long count)
{
    FILE *f = fopen(path, "rb");
    long n;
    int32_t i;
    int o;

    if (f == NULL)
        return fail(path, "cannot be opened");
    for (n = 0; n != count; n++) {
        size_t got = fread(file, 1, sizeof file, f);

        if (got == 0)
            break;
        if (got != sizeof file)
            return fail(path, "ends within an image");
        for (i = 0; i < QAT_PIXELS; i++)
            pixels[i] = file[1 + i % QAT_CHANNELS * (QAT_PIXELS / QAT_CHANNELS) + i / QAT_CHANNELS];
        printf("%d %d", file[0], qat_run(pixels, logits));
        for (o = 0; o < QAT_CLASSES; o++)
            printf(" %ld", (long)logits[o]);
        putchar('\n');
    }
    fclose(f);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && argv[1][0] != '-')
        return classify(argv[1], 0);
    if (argc == 3 && strcmp(argv[1], "--raw") == 0)
        return classify(argv[2], 1);
    if ((argc == 3 || argc == 4) && strcmp(argv[1], "--cifar") == 0)
        return batch(argv[2], argc == 4 ? strtol(argv[3], NULL, 10) : -1);
    fprintf(stderr, "usage: model IMAGE.ppm | model --raw PIXELS | model --cifar BATCH [COUNT]\n");
    return 2;
}

#endif
