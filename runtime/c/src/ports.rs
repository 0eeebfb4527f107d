//! What programs take and give, and the symbols in their sizes.

use std::ffi::c_char;
use std::fmt::Write;

use m4c_runtime::{Code, Dim, Error, Port, Program};

use crate::artifact::{Opened, Text};
use crate::failure::{CText, ErrorOut, Failure, borrow, guarded, list_mut, store, text};

/// `m4c_port` of the header.
#[repr(C)]
#[derive(Debug)]
pub struct PortOut {
    name: Text,
    dtype: u32,
    rank: u32,
    dims: [i64; 8],
}

/// `m4c_symbol` of the header.
#[repr(C)]
#[derive(Debug)]
pub struct SymbolOut {
    name: Text,
    low: i64,
    high: i64,
    step: i64,
}

fn ports<'a>(program: &Program<'a>, direction: u32) -> Result<&'a [Port], Failure> {
    match direction {
        0 => Ok(program.inputs()),
        1 => Ok(program.outputs()),
        _ => Err(Failure::argument("direction")),
    }
}

fn port<'a>(program: &Program<'a>, direction: u32, index: usize) -> Result<&'a Port, Failure> {
    ports(program, direction)?.get(index).ok_or(Error::new(Code::WrongInputCount).into())
}

/// `m4c_port_count` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_port_count(artifact: *const Opened, program: usize, direction: u32) -> usize {
    // SAFETY: the pointer is as the header asks.
    let opened = unsafe { artifact.as_ref() };
    let program = opened.and_then(|opened| opened.program(program).ok());
    program.and_then(|program| ports(&program, direction).ok()).map_or(0, <[Port]>::len)
}

/// `m4c_get_port` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_get_port(
    artifact: *const Opened,
    program: usize,
    direction: u32,
    index: usize,
    out: *mut PortOut,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        guarded(error, || {
            let program = borrow(artifact, "artifact")?.program(program)?;
            let port = port(&program, direction, index)?;
            let mut dims = [0; 8];
            for (slot, &expr) in dims.iter_mut().zip(port.dims.iter()) {
                *slot = match program.dim(expr) {
                    Dim::Fixed(size) => size,
                    Dim::Symbolic(_) => -1,
                };
            }
            let rank = port.dims.len() as u32;
            let port = PortOut { name: (&*port.name).into(), dtype: port.dtype as u32, rank, dims };
            store(out, port, "port")
        })
    }
}

/// `m4c_find_port` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_find_port(
    artifact: *const Opened,
    program: usize,
    direction: u32,
    name: *const c_char,
    index: *mut usize,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        guarded(error, || {
            let program = borrow(artifact, "artifact")?.program(program)?;
            let name = text(name, "name")?;
            let found = ports(&program, direction)?.iter().position(|port| port.name == name);
            store(index, found.ok_or(Error::new(Code::WrongName))?, "index")
        })
    }
}

/// `m4c_dim_text` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_dim_text(
    artifact: *const Opened,
    program: usize,
    direction: u32,
    index: usize,
    dim: usize,
    out: *mut c_char,
    capacity: usize,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks; a `c_char` is a byte.
    unsafe {
        guarded(error, || {
            let program = borrow(artifact, "artifact")?.program(program)?;
            let port = port(&program, direction, index)?;
            let expr = port.dims.get(dim).ok_or(Error::at(Code::WrongRank, index as u32))?;
            let bytes = list_mut(out.cast(), capacity, "text")?;
            let bytes = &mut *(std::ptr::from_mut(bytes) as *mut [c_char]);
            // Text that does not fit is cut, as the header says.
            let _ = CText::new(bytes).write_str(&program.render(*expr));
            Ok(())
        })
    }
}

/// `m4c_symbol_count` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_symbol_count(artifact: *const Opened, program: usize) -> usize {
    // SAFETY: the pointer is as the header asks.
    let opened = unsafe { artifact.as_ref() };
    let program = opened.and_then(|opened| opened.program(program).ok());
    program.map_or(0, |program| program.tables().symbols().len())
}

/// `m4c_get_symbol` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_get_symbol(
    artifact: *const Opened,
    program: usize,
    index: usize,
    out: *mut SymbolOut,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        guarded(error, || {
            let program = borrow(artifact, "artifact")?.program(program)?;
            let symbol = program.tables().symbols().get(index).ok_or(Error::new(Code::WrongName))?;
            let name = (&*symbol.name).into();
            store(out, SymbolOut { name, low: symbol.low, high: symbol.high, step: symbol.step }, "symbol")
        })
    }
}
