/* Runs a program that keeps its rows in a state: states ARTIFACT. Exits with the line that found something wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "m4c.h"

static m4c_error error;

#define CHECK(condition) do { if (!(condition)) { printf("line %d: %u %s\n", __LINE__, (unsigned)error.code, error.message); exit(1); } } while (0)
#define OK(call) CHECK((call) == M4C_OK)

static m4c_session *session;
static float y[16];

/* Adds rows and gives twice all of them. */
static m4c_code step(m4c_states *states, const float *rows, size_t count) {
    size_t dims[2];
    m4c_shape shape;
    m4c_code code;
    dims[0] = count;
    dims[1] = 2;
    OK(m4c_set_input_shape(session, 0, dims, 2, &error));
    code = m4c_bind_with(session, states, &error);
    if (code != M4C_OK) return code;
    OK(m4c_output_shape(session, 0, &shape, &error));
    m4c_input input = {rows, count * 2 * sizeof(float)};
    m4c_output output = {y, shape.bytes};
    return m4c_run_with(session, states, &input, 1, &output, 1, &error);
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    const float rows[] = {1, 2, 3, 4, 5, 6};
    const m4c_bound bounds[] = {{"rows", -1, 4}};
    float content[8];
    m4c_artifact *artifact;
    OK(m4c_open_file(argv[1], &artifact, &error));
    m4c_text name;
    size_t state, again, bytes;
    CHECK(m4c_state_count(artifact) == 1);
    OK(m4c_state_name(artifact, 0, &name, &error));
    CHECK(name.length == 4 && memcmp(name.data, "kept", 4) == 0);
    CHECK(m4c_state_name(artifact, 1, &name, &error) == M4C_WRONG_NAME);
    OK(m4c_find_state(artifact, 0, "present", &state, &error));
    OK(m4c_find_state(artifact, 0, "kept", &again, &error));
    CHECK(state == 0 && again == 0);
    CHECK(m4c_find_state(artifact, 0, "x", &again, &error) == M4C_WRONG_NAME);

    CHECK(m4c_states_memory(artifact, NULL, 0, &bytes, &error) == M4C_UNBOUNDED_STATE);
    CHECK(strstr(error.message, "`kept`") != NULL);
    OK(m4c_states_memory(artifact, bounds, 1, &bytes, &error));
    CHECK(bytes == 64);
    void *memory = aligned_alloc(64, bytes);
    m4c_states *states, *fork;
    CHECK(m4c_states_create(artifact, bounds, 1, memory, bytes - 1, &states, &error) == M4C_ARENA_TOO_SMALL);
    CHECK(states == NULL);
    OK(m4c_states_create(artifact, bounds, 1, memory, bytes, &states, &error));
    OK(m4c_states_create(artifact, bounds, 1, NULL, 0, &fork, &error));

    const m4c_bound new_rows[] = {{"new", -1, 4}};
    m4c_session_options options;
    memset(&options, 0, sizeof options);
    options.bounds = new_rows;
    options.bound_count = 1;
    CHECK(m4c_session_create(artifact, 0, &options, &session, &error) == M4C_UNBOUNDED_SYMBOL);
    options.states = states;
    OK(m4c_session_create(artifact, 0, &options, &session, &error));
    /* States and sessions keep what they need. */
    m4c_close(artifact);

    m4c_shape shape;
    CHECK(m4c_state_shape(states, 0, &shape, &error) == M4C_STATE_EMPTY);
    CHECK(m4c_bind(session, &error) != M4C_OK);
    OK(step(states, rows, 2));
    OK(step(states, rows + 4, 1));
    CHECK(y[0] == 2 && y[3] == 8 && y[4] == 10 && y[5] == 12);
    OK(m4c_state_shape(states, 0, &shape, &error));
    CHECK(shape.rank == 2 && shape.dims[0] == 3 && shape.dims[1] == 2 && shape.bytes == 24);
    OK(m4c_get_state(states, 0, content, sizeof content, &error));
    CHECK(memcmp(content, rows, 16) == 0 && content[4] == 5 && content[5] == 6);
    CHECK(m4c_get_state(states, 0, content, 23, &error) == M4C_BUFFER_TOO_SMALL);

    OK(m4c_copy_states(fork, states, &error));
    CHECK(step(states, rows, 2) == M4C_OUT_OF_BOUNDS || error.code == M4C_STATE_FULL);
    OK(step(states, rows, 1));
    CHECK(step(states, rows, 1) != M4C_OK);
    OK(m4c_truncate_states(states, "rows", 1, &error));
    CHECK(m4c_truncate_states(states, "columns", 1, &error) == M4C_WRONG_NAME);
    OK(step(states, rows + 2, 1));
    CHECK(y[0] == 2 && y[1] == 4 && y[2] == 6 && y[3] == 8);
    OK(step(fork, rows, 1));
    CHECK(y[4] == 10 && y[6] == 2);

    const size_t dims[] = {1, 2}, wide[] = {1, 3}, many[] = {5, 2};
    OK(m4c_set_state(states, 0, dims, 2, rows + 4, 8, &error));
    CHECK(m4c_set_state(states, 0, wide, 2, rows, 12, &error) == M4C_STATE_MISMATCH);
    CHECK(m4c_set_state(states, 0, many, 2, rows, sizeof rows, &error) == M4C_STATE_FULL);
    CHECK(strstr(error.message, "`kept`") != NULL);
    OK(step(states, rows, 1));
    CHECK(y[0] == 10 && y[2] == 2);
    OK(m4c_reset_states(states, &error));
    CHECK(m4c_state_shape(states, 0, &shape, &error) == M4C_STATE_EMPTY);
    CHECK(m4c_run(session, NULL, 1, NULL, 1, &error) != M4C_OK);

    m4c_session_destroy(session);
    m4c_states_destroy(states);
    m4c_states_destroy(fork);
    m4c_states_destroy(NULL);
    free(memory);
    printf("all is well\n");
    return 0;
}
