//! Opening and closing artifacts, and finding their programs.

use std::ffi::c_char;
use std::sync::Arc;

use m4c_runtime::{Artifact, Code, Error, MappedFile, Program};

use crate::failure::{ErrorOut, Failure, borrow, guarded, list, store, text};

/// `m4c_artifact` of the header: an artifact and, where it came from a file, the map that it borrows from.
///
/// The artifact is dropped before the map because it stands first.
#[derive(Debug)]
pub struct Opened {
    artifact: Artifact<'static>,
    _map: Option<Box<MappedFile>>,
}

impl Opened {
    /// The artifact, for no longer than this borrow.
    pub(crate) fn artifact(&self) -> &Artifact<'_> {
        &self.artifact
    }

    pub(crate) fn program(&self, index: usize) -> Result<Program<'_>, Failure> {
        Ok(Program::nth(self.artifact(), index)?)
    }
}

/// `m4c_text` of the header.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Text {
    data: *const c_char,
    length: usize,
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text { data: text.as_ptr().cast(), length: text.len() }
    }
}

fn hand_out(opened: Opened) -> *const Opened {
    Arc::into_raw(Arc::new(opened))
}

/// `m4c_open_file` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_open_file(path: *const c_char, artifact: *mut *const Opened, error: *mut ErrorOut) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        guarded(error, || {
            store(artifact, std::ptr::null(), "artifact")?;
            let map = Box::new(MappedFile::open(text(path, "path")?)?);
            // SAFETY: the map has its own address, keeps its bytes in place, and lives as long as the artifact.
            let bytes: &'static [u8] = &*std::ptr::from_ref(map.bytes());
            let opened = Opened { artifact: Artifact::open(bytes)?, _map: Some(map) };
            store(artifact, hand_out(opened), "artifact")
        })
    }
}

/// `m4c_open_memory` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_open_memory(
    bytes: *const u8,
    length: usize,
    artifact: *mut *const Opened,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks; it asks that the bytes outlive artifact and sessions.
    unsafe {
        guarded(error, || {
            store(artifact, std::ptr::null(), "artifact")?;
            let bytes: &'static [u8] = list(bytes, length, "bytes")?;
            store(artifact, hand_out(Opened { artifact: Artifact::open(bytes)?, _map: None }), "artifact")
        })
    }
}

/// `m4c_verify` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_verify(artifact: *const Opened, error: *mut ErrorOut) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { guarded(error, || Ok(borrow(artifact, "artifact")?.artifact().verify_segments()?)) }
}

/// `m4c_close` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_close(artifact: *const Opened) {
    if !artifact.is_null() {
        // SAFETY: the pointer came from `hand_out`, and the caller gives it back once.
        drop(unsafe { Arc::from_raw(artifact) });
    }
}

/// `m4c_program_count` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_program_count(artifact: *const Opened) -> usize {
    // SAFETY: the pointer is as the header asks.
    unsafe { artifact.as_ref() }.map_or(0, |opened| opened.artifact().programs().len())
}

/// `m4c_program_name` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_program_name(
    artifact: *const Opened,
    program: usize,
    name: *mut Text,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { guarded(error, || store(name, borrow(artifact, "artifact")?.program(program)?.name().into(), "name")) }
}

/// `m4c_find_program` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_find_program(
    artifact: *const Opened,
    name: *const c_char,
    program: *mut usize,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        guarded(error, || {
            let (opened, name) = (borrow(artifact, "artifact")?, text(name, "name")?);
            let index = opened.artifact().programs().iter().position(|program| program.name() == name);
            store(program, index.ok_or(Error::new(Code::NoSuchProgram))?, "program")
        })
    }
}
