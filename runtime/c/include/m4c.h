/* The C interface of the m4c runtime: opens artifacts (.m4fw) and runs their programs on the CPU.
 *
 * Order of use: m4c_open_file, m4c_find_program, m4c_memory, m4c_session_create, m4c_set_input_shape for every input,
 * m4c_bind, m4c_run as often as wanted, m4c_session_destroy, m4c_close.
 *
 * Functions that can fail return M4C_OK or a code, and describe the failure in `error`, which may be NULL. No function
 * throws, aborts, or keeps a pointer that its description does not name. m4c_bind and m4c_run do not allocate memory
 * unless they fail.
 */
#ifndef M4C_H
#define M4C_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Version 0 of the format and of this interface promises nothing to later versions. */

enum {
    M4C_OK = 0,
    /* The file. */
    M4C_NOT_AN_ARTIFACT = 100,
    M4C_VERSION_UNSUPPORTED = 101,
    M4C_TRUNCATED = 102,
    M4C_HEADER_DAMAGED = 103,
    M4C_DESCRIPTION_DAMAGED = 104,
    M4C_SEGMENT_DAMAGED = 105,
    M4C_MALFORMED = 106,
    /* The program or session. */
    M4C_NO_SUCH_PROGRAM = 200,
    M4C_UNBOUNDED_SYMBOL = 201,
    M4C_BOUND_OUT_OF_RANGE = 202,
    M4C_UNKNOWN_KERNEL = 203,
    M4C_MISSING_EXECUTOR = 204,
    M4C_TOO_LARGE = 205,
    M4C_ARENA_TOO_SMALL = 206,
    M4C_BAD_STEP = 207,
    M4C_UNBOUNDED_STATE = 208,
    M4C_STATE_BOUND_OUT_OF_RANGE = 209,
    M4C_NO_INSTRUCTION_SET = 210,
    /* The binding. */
    M4C_WRONG_INPUT_COUNT = 300,
    M4C_WRONG_NAME = 301,
    M4C_WRONG_DTYPE = 302,
    M4C_WRONG_RANK = 303,
    M4C_DIM_MISMATCH = 304,
    M4C_GUARD_FAILED = 305,
    M4C_OUT_OF_BOUNDS = 306,
    M4C_BUFFER_TOO_SMALL = 307,
    M4C_MISALIGNED = 308,
    M4C_NOT_BOUND = 309,
    M4C_STATES_MISSING = 310,
    M4C_STATE_EMPTY = 311,
    M4C_STATE_FULL = 312,
    M4C_STATE_MISMATCH = 313,
    M4C_STATE_CHANGED = 314,
    M4C_SIZE_OPEN = 315,
    /* The run. */
    M4C_CANCELLED = 400,
    M4C_INDEX_OUT_OF_RANGE = 401,
    M4C_KERNEL_FAILED = 402,
    M4C_DATA_OUT_OF_BOUNDS = 403,
    /* Input and output, and this interface. */
    M4C_IO = 500,
    M4C_BAD_ARGUMENT = 501,
    M4C_INTERNAL = 502
};

typedef uint32_t m4c_code;

/* Storage types. Two 4-bit elements share a byte. */
enum {
    M4C_BOOL = 0,
    M4C_I4 = 1,
    M4C_U4 = 2,
    M4C_I8 = 3,
    M4C_U8 = 4,
    M4C_I16 = 5,
    M4C_I32 = 6,
    M4C_I64 = 7,
    M4C_F16 = 8,
    M4C_BF16 = 9,
    M4C_F32 = 10
};

#define M4C_MAX_RANK 8
#define M4C_NOWHERE UINT32_MAX

typedef struct m4c_error {
    m4c_code code;
    /* The node, port, symbol, guard, state, kernel or segment that failed, or M4C_NOWHERE. */
    uint32_t at;
    /* A sentence with the names that `at` stands for, ended by a zero byte and cut where it is too long. */
    char message[248];
} m4c_error;

typedef struct m4c_artifact m4c_artifact;
typedef struct m4c_session m4c_session;
typedef struct m4c_states m4c_states;

/* Text in the artifact, without a zero byte at its end; valid until the artifact is closed. */
typedef struct m4c_text {
    const char *data;
    size_t length;
} m4c_text;

/* One sentence on a code, a constant. */
const char *m4c_code_message(m4c_code code);

/* ---- Artifacts ---------------------------------------------------------------------------------------------------- */

/* Maps a file and checks all of it but its weights. Nobody may change the file while it is open; replace it by renaming.
 * `path` is UTF-8. */
m4c_code m4c_open_file(const char *path, m4c_artifact **artifact, m4c_error *error);

/* The same for memory that starts at a multiple of 64 and stays unchanged until the artifact and all its sessions are
 * gone. */
m4c_code m4c_open_memory(const void *bytes, size_t length, m4c_artifact **artifact, m4c_error *error);

/* Compares the weights with their hashes, which reads all of them. */
m4c_code m4c_verify(const m4c_artifact *artifact, m4c_error *error);

/* Gives an artifact back; NULL is allowed. Its sessions live on, and keep a file mapped. */
void m4c_close(m4c_artifact *artifact);

/* ---- Programs ----------------------------------------------------------------------------------------------------- */

size_t m4c_program_count(const m4c_artifact *artifact);
m4c_code m4c_program_name(const m4c_artifact *artifact, size_t program, m4c_text *name, m4c_error *error);
m4c_code m4c_find_program(const m4c_artifact *artifact, const char *name, size_t *program, m4c_error *error);

typedef enum m4c_direction { M4C_INPUT = 0, M4C_OUTPUT = 1 } m4c_direction;

typedef struct m4c_port {
    m4c_text name;
    uint32_t dtype;
    uint32_t rank;
    /* -1 where the size is symbolic: see m4c_dim_text. */
    int64_t dims[M4C_MAX_RANK];
} m4c_port;

/* 0 where there is no such program. */
size_t m4c_port_count(const m4c_artifact *artifact, size_t program, uint32_t direction);
m4c_code m4c_get_port(const m4c_artifact *artifact, size_t program, uint32_t direction, size_t index, m4c_port *port,
                      m4c_error *error);
m4c_code m4c_find_port(const m4c_artifact *artifact, size_t program, uint32_t direction, const char *name,
                       size_t *index, m4c_error *error);
/* A size as text, such as "rows * 2 + 1", ended by a zero byte and cut to `capacity` bytes. */
m4c_code m4c_dim_text(const m4c_artifact *artifact, size_t program, uint32_t direction, size_t index, size_t dim,
                      char *text, size_t capacity, m4c_error *error);

typedef struct m4c_symbol {
    m4c_text name;
    int64_t low;
    /* INT64_MAX where the model gives no upper bound: a session needs one. */
    int64_t high;
    int64_t step;
} m4c_symbol;

/* 0 where there is no such program. */
size_t m4c_symbol_count(const m4c_artifact *artifact, size_t program);
m4c_code m4c_get_symbol(const m4c_artifact *artifact, size_t program, size_t index, m4c_symbol *symbol,
                        m4c_error *error);

/* ---- Sessions ----------------------------------------------------------------------------------------------------- */

/* The range of one symbol. `low` may be -1 for the declared one. */
typedef struct m4c_bound {
    const char *symbol;
    int64_t low;
    int64_t high;
} m4c_bound;

/* Calls `job(state, 0)` ... `job(state, jobs - 1)`, each once, on any threads, and returns when all are done. */
typedef void (*m4c_run_jobs)(void *context, size_t jobs, void (*job)(void *state, size_t index), void *state);

/* All zeros is a valid value: declared bounds, one thread, memory of the session's own. */
typedef struct m4c_session_options {
    const m4c_bound *bounds;
    size_t bound_count;
    /* The largest number of threads; 0 means 1. */
    size_t threads;
    /* Working memory of the caller's, or NULL. It must stay until the session is destroyed. */
    void *arena;
    size_t arena_size;
    /* Threads of the caller's, or NULL for a pool of the session's own. */
    m4c_run_jobs run_jobs;
    void *run_jobs_context;
    /* States that bound the symbols that their sizes determine, or NULL. */
    const m4c_states *states;
} m4c_session_options;

typedef struct m4c_memory_needs {
    /* Bytes and alignment of the working memory that m4c_session_options.arena may provide. */
    size_t arena;
    size_t alignment;
    /* Bytes that the session allocates beside it, within a few percent. */
    size_t session;
} m4c_memory_needs;

/* What a session with these options would take. `options` may be NULL. Takes no memory to keep. */
m4c_code m4c_memory(const m4c_artifact *artifact, size_t program, const m4c_session_options *options,
                    m4c_memory_needs *needs, m4c_error *error);

/* `options` may be NULL. Sessions may be used on different threads at the same time; calls for one session may not
 * overlap, but for m4c_cancel. */
m4c_code m4c_session_create(const m4c_artifact *artifact, size_t program, const m4c_session_options *options,
                            m4c_session **session, m4c_error *error);

/* NULL is allowed. */
void m4c_session_destroy(m4c_session *session);

/* Notes the sizes of an input; m4c_bind checks them. Noted sizes stay until they are set again. */
m4c_code m4c_set_input_shape(m4c_session *session, size_t input, const size_t *dims, size_t rank, m4c_error *error);

/* Checks the noted sizes of all inputs and makes the session ready to run with them. */
m4c_code m4c_bind(m4c_session *session, m4c_error *error);

typedef struct m4c_shape {
    uint32_t rank;
    size_t dims[M4C_MAX_RANK];
    size_t bytes;
} m4c_shape;

/* The sizes of an output after m4c_bind, and the bytes that its buffer must have. Where the data decides sizes, these are the
   largest until m4c_run has succeeded, and then the sizes that it gave; bytes stay those of the largest. */
m4c_code m4c_output_shape(m4c_session *session, size_t output, m4c_shape *shape, m4c_error *error);

typedef struct m4c_input {
    const void *data;
    size_t length;
} m4c_input;

typedef struct m4c_output {
    void *data;
    size_t length;
} m4c_output;

/* Computes all outputs. Buffers are aligned for their types, at least as long as their tensors, and outputs overlap
 * nothing. */
m4c_code m4c_run(m4c_session *session, const m4c_input *inputs, size_t input_count, const m4c_output *outputs,
                 size_t output_count, m4c_error *error);

/* ---- States ------------------------------------------------------------------------------------------------------- */

/* What outlives runs, and what the programs of an artifact share: see m4c_state_name. Calls for the same states may not
 * overlap, and only programs of their artifact run on them. */

/* 0 where there are none. */
size_t m4c_state_count(const m4c_artifact *artifact);
m4c_code m4c_state_name(const m4c_artifact *artifact, size_t state, m4c_text *name, m4c_error *error);
/* By its own name, or by that of the input or output of a program that it replaced. */
m4c_code m4c_find_state(const m4c_artifact *artifact, size_t program, const char *name, size_t *state,
                        m4c_error *error);

/* The bytes of states for these bounds: of m4c_bound, `symbol` is the name of an axis and `low` is not used. */
m4c_code m4c_states_memory(const m4c_artifact *artifact, const m4c_bound *bounds, size_t bound_count, size_t *bytes,
                           m4c_error *error);

/* Makes states, all of them empty. `memory` may be NULL; else it starts at a multiple of 64, holds as many bytes as
 * m4c_states_memory says, and stays until the states are destroyed. */
m4c_code m4c_states_create(const m4c_artifact *artifact, const m4c_bound *bounds, size_t bound_count, void *memory,
                           size_t memory_size, m4c_states **states, m4c_error *error);

/* NULL is allowed. */
void m4c_states_destroy(m4c_states *states);

/* Sizes and bytes of what a state holds; M4C_STATE_EMPTY where that is nothing. */
m4c_code m4c_state_shape(const m4c_states *states, size_t state, m4c_shape *shape, m4c_error *error);
/* Fills a state with row-major elements. */
m4c_code m4c_set_state(m4c_states *states, size_t state, const size_t *dims, size_t rank, const void *data,
                       size_t length, m4c_error *error);
/* Writes the row-major elements of a state to `data`. */
m4c_code m4c_get_state(const m4c_states *states, size_t state, void *data, size_t length, m4c_error *error);
/* Empties all states. */
m4c_code m4c_reset_states(m4c_states *states, m4c_error *error);
/* Keeps at most so many rows along the axes of this name that rows are added along. */
m4c_code m4c_truncate_states(m4c_states *states, const char *axis, size_t rows, m4c_error *error);
/* Makes the content of all states that of others of the same artifact. */
m4c_code m4c_copy_states(m4c_states *to, const m4c_states *from, m4c_error *error);

/* As m4c_bind, for a program that works on states: their sizes must stay as they are until the run. */
m4c_code m4c_bind_with(m4c_session *session, const m4c_states *states, m4c_error *error);
/* As m4c_run. A run that fails leaves states that it adds to or carries as they were; those that it writes without
 * reading them are then empty. */
m4c_code m4c_run_with(m4c_session *session, m4c_states *states, const m4c_input *inputs, size_t input_count,
                      const m4c_output *outputs, size_t output_count, m4c_error *error);

/* Makes the run in progress, or else the next one, end with M4C_CANCELLED before its next step. Any thread may call it
 * while the session exists. */
void m4c_cancel(const m4c_session *session);

#ifdef __cplusplus
}
#endif

#endif
