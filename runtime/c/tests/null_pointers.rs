//! Null pointers and numbers out of range give codes, never crashes.

use std::ptr::{null, null_mut};

const BAD_ARGUMENT: u32 = 501;

#[test]
fn null_is_refused_everywhere() {
    let mut artifact = null();
    let mut session = null_mut();
    // SAFETY: null is what the functions are documented to refuse, and the results have places of their own.
    unsafe {
        assert_eq!(m4c::m4c_open_file(null(), &mut artifact, null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_open_file(c"x".as_ptr(), null_mut(), null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_open_memory(null(), 100, &mut artifact, null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_open_memory(null(), 0, &mut artifact, null_mut()), 100);
        assert_eq!(m4c::m4c_verify(null(), null_mut()), BAD_ARGUMENT);
        m4c::m4c_close(null());
        assert_eq!(m4c::m4c_program_count(null()), 0);
        assert_eq!(m4c::m4c_program_name(null(), 0, null_mut(), null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_find_program(null(), null(), null_mut(), null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_port_count(null(), 0, 0), 0);
        assert_eq!(m4c::m4c_get_port(null(), 0, 0, 0, null_mut(), null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_find_port(null(), 0, 0, null(), null_mut(), null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_dim_text(null(), 0, 0, 0, 0, null_mut(), 0, null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_symbol_count(null(), 0), 0);
        assert_eq!(m4c::m4c_get_symbol(null(), 0, 0, null_mut(), null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_memory(null(), 0, null(), null_mut(), null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_session_create(null(), 0, null(), &mut session, null_mut()), BAD_ARGUMENT);
        m4c::m4c_session_destroy(null_mut());
        assert_eq!(m4c::m4c_set_input_shape(null_mut(), 0, null(), 0, null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_bind(null_mut(), null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_output_shape(null_mut(), 0, null_mut(), null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_run(null_mut(), null(), 0, null(), 0, null_mut()), BAD_ARGUMENT);
        m4c::m4c_cancel(null());
        let mut states = null_mut();
        assert_eq!(m4c::m4c_state_count(null()), 0);
        assert_eq!(m4c::m4c_state_name(null(), 0, null_mut(), null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_find_state(null(), 0, null(), null_mut(), null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_states_memory(null(), null(), 0, null_mut(), null_mut()), BAD_ARGUMENT);
        let made = m4c::m4c_states_create(null(), null(), 0, null_mut(), 0, &mut states, null_mut());
        assert_eq!((made, states.is_null()), (BAD_ARGUMENT, true));
        m4c::m4c_states_destroy(null_mut());
        assert_eq!(m4c::m4c_state_shape(null(), 0, null_mut(), null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_set_state(null_mut(), 0, null(), 0, null(), 0, null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_get_state(null(), 0, null_mut(), 0, null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_reset_states(null_mut(), null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_truncate_states(null_mut(), null(), 0, null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_copy_states(null_mut(), null(), null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_bind_with(null_mut(), null(), null_mut()), BAD_ARGUMENT);
        assert_eq!(m4c::m4c_run_with(null_mut(), null_mut(), null(), 0, null(), 0, null_mut()), BAD_ARGUMENT);
    }
    assert!(artifact.is_null() && session.is_null());
    assert!(!m4c::m4c_code_message(501).is_null() && !m4c::m4c_code_message(7777).is_null());
}
