/* Runs a program of an artifact on raw files:
 *
 *   run ARTIFACT PROGRAM [-t THREADS] [-b SYMBOL=HIGH]... [-i FILE:SIZE,SIZE...]... [-o FILE]... [-a] [-m] [-c] [-x]
 *
 * Inputs and outputs come in the order of the program's ports. -a lends the session an arena, -m opens the artifact from
 * memory, -c runs jobs by a callback, -x cancels a first run. Prints failures as "CODE AT MESSAGE" and exits with 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "m4c.h"

#define MOST 16

static m4c_error error;

static void expect(m4c_code code) {
    if (code != M4C_OK) {
        printf("%u %u %s\n", (unsigned)error.code, (unsigned)error.at, error.message);
        exit(1);
    }
}

static void *aligned(size_t length) {
    void *bytes = aligned_alloc(64, (length + 127) / 64 * 64);
    if (bytes == NULL) exit(2);
    return bytes;
}

static void *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) exit(2);
    *length = (size_t)ftell(file);
    rewind(file);
    void *bytes = aligned(*length);
    if (fread(bytes, 1, *length, file) != *length) exit(2);
    fclose(file);
    return bytes;
}

static void run_backwards(void *context, size_t jobs, void (*job)(void *, size_t), void *state) {
    *(size_t *)context += jobs;
    while (jobs > 0) job(state, --jobs);
}

int main(int argc, char **argv) {
    m4c_bound bounds[MOST];
    char *inputs[MOST], *outputs[MOST];
    size_t bound_count = 0, input_count = 0, output_count = 0, jobs = 0;
    int lend = 0, memory = 0, callback = 0, cancel = 0;
    m4c_session_options options;
    memset(&options, 0, sizeof options);
    if (argc < 3) return 2;
    for (int at = 3; at < argc; at++) {
        const char *flag = argv[at];
        if (strcmp(flag, "-a") == 0) lend = 1;
        else if (strcmp(flag, "-m") == 0) memory = 1;
        else if (strcmp(flag, "-c") == 0) callback = 1;
        else if (strcmp(flag, "-x") == 0) cancel = 1;
        else if (++at == argc || bound_count == MOST || input_count == MOST || output_count == MOST) return 2;
        else if (strcmp(flag, "-t") == 0) options.threads = (size_t)atoi(argv[at]);
        else if (strcmp(flag, "-i") == 0) inputs[input_count++] = argv[at];
        else if (strcmp(flag, "-o") == 0) outputs[output_count++] = argv[at];
        else if (strcmp(flag, "-b") == 0) {
            char *equals = strchr(argv[at], '=');
            if (equals == NULL) return 2;
            *equals = 0;
            m4c_bound bound = {argv[at], -1, atoll(equals + 1)};
            bounds[bound_count++] = bound;
        } else return 2;
    }
    options.bounds = bounds;
    options.bound_count = bound_count;
    if (callback) {
        options.run_jobs = run_backwards;
        options.run_jobs_context = &jobs;
    }

    m4c_artifact *artifact;
    if (memory) {
        size_t length;
        void *bytes = read_file(argv[1], &length);
        expect(m4c_open_memory(bytes, length, &artifact, &error));
    } else {
        expect(m4c_open_file(argv[1], &artifact, &error));
    }
    expect(m4c_verify(artifact, &error));
    size_t program;
    expect(m4c_find_program(artifact, argv[2], &program, &error));
    for (uint32_t direction = 0; direction < 2; direction++) {
        for (size_t at = 0; at < m4c_port_count(artifact, program, direction); at++) {
            m4c_port port;
            expect(m4c_get_port(artifact, program, direction, at, &port, &error));
            printf("%s %.*s type %u", direction ? "output" : "input", (int)port.name.length, port.name.data,
                   (unsigned)port.dtype);
            for (uint32_t dim = 0; dim < port.rank; dim++) {
                char text[32];
                expect(m4c_dim_text(artifact, program, direction, at, dim, text, sizeof text, &error));
                printf(" [%s]", text);
            }
            printf("\n");
        }
    }

    m4c_memory_needs needs;
    expect(m4c_memory(artifact, program, &options, &needs, &error));
    printf("arena %lu alignment %lu\n", (unsigned long)needs.arena, (unsigned long)needs.alignment);
    if (lend) {
        options.arena = aligned(needs.arena);
        options.arena_size = needs.arena;
    }
    m4c_session *session;
    expect(m4c_session_create(artifact, program, &options, &session, &error));
    /* Sessions keep what they need. */
    m4c_close(artifact);

    m4c_input input_buffers[MOST];
    for (size_t at = 0; at < input_count; at++) {
        size_t dims[M4C_MAX_RANK], rank = 0;
        char *sizes = strrchr(inputs[at], ':');
        if (sizes == NULL) return 2;
        *sizes = 0;
        for (char *size = strtok(sizes + 1, ","); size != NULL && rank < M4C_MAX_RANK; size = strtok(NULL, ","))
            dims[rank++] = (size_t)atoll(size);
        expect(m4c_set_input_shape(session, at, dims, rank, &error));
        input_buffers[at].data = read_file(inputs[at], &input_buffers[at].length);
    }
    expect(m4c_bind(session, &error));
    m4c_output output_buffers[MOST];
    for (size_t at = 0; at < output_count; at++) {
        m4c_shape shape;
        expect(m4c_output_shape(session, at, &shape, &error));
        output_buffers[at].data = aligned(shape.bytes);
        output_buffers[at].length = shape.bytes;
    }
    if (cancel) {
        m4c_cancel(session);
        if (m4c_run(session, input_buffers, input_count, output_buffers, output_count, &error) != M4C_CANCELLED) return 3;
    }
    expect(m4c_run(session, input_buffers, input_count, output_buffers, output_count, &error));
    for (size_t at = 0; at < output_count; at++) {
        FILE *file = fopen(outputs[at], "wb");
        size_t length = output_buffers[at].length;
        if (file == NULL || fwrite(output_buffers[at].data, 1, length, file) != length || fclose(file) != 0) return 2;
    }
    m4c_session_destroy(session);
    return 0;
}
