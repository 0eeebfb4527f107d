//! How failures reach C: a code, and a description in the caller's memory.

use std::ffi::{CStr, c_char};
use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use m4c_runtime::{Code, Error, Program, describe, describe_given};

const MESSAGE: usize = 248;

/// `m4c_error` of the header.
#[repr(C)]
#[derive(Debug)]
pub struct ErrorOut {
    code: u32,
    at: u32,
    message: [c_char; MESSAGE],
}

/// A failure with its sentence where names were at hand.
pub(crate) struct Failure {
    error: Error,
    text: Option<String>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure { error, text: None }
    }
}

impl Failure {
    pub(crate) fn in_program(error: Error, program: &Program<'_>) -> Failure {
        Failure { error, text: Some(describe(&error, program)) }
    }

    /// Sizes that did not bind, with what was given.
    pub(crate) fn in_binding(error: Error, program: &Program<'_>, shapes: &[&[usize]]) -> Failure {
        Failure { error, text: Some(describe_given(&error, program, shapes)) }
    }

    /// The same failure with other words, where it has none of its own.
    pub(crate) fn named(self, name: impl FnOnce(Error) -> Failure) -> Failure {
        if self.text.is_some() { self } else { name(self.error) }
    }

    pub(crate) fn argument(detail: &'static str) -> Failure {
        Error::new(Code::BadArgument).because(detail).into()
    }
}

/// Runs the body of an interface function.
///
/// # Safety
/// `error` is null or points to an `m4c_error`.
pub(crate) unsafe fn guarded(error: *mut ErrorOut, work: impl FnOnce() -> Result<(), Failure>) -> u32 {
    let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Error::new(Code::Internal).into()));
    let Err(failure) = outcome else { return 0 };
    if !error.is_null() {
        let mut out = ErrorOut {
            code: failure.error.code as u32,
            at: failure.error.at.unwrap_or(u32::MAX),
            message: [0; MESSAGE],
        };
        let mut text = CText::new(&mut out.message);
        // Text that does not fit is cut, which is not an error.
        let _ = match &failure.text {
            Some(sentence) => text.write_str(sentence),
            None => write!(text, "{}", failure.error),
        };
        // SAFETY: not null, and the caller promises that it points to an `m4c_error`.
        unsafe { error.write(out) };
    }
    failure.error.code as u32
}

/// Writes text into a C string, cut between characters where it is too long.
pub(crate) struct CText<'b> {
    bytes: &'b mut [c_char],
    len: usize,
}

impl<'b> CText<'b> {
    pub(crate) fn new(bytes: &'b mut [c_char]) -> CText<'b> {
        bytes.fill(0);
        CText { bytes, len: 0 }
    }
}

impl Write for CText<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let end = self.len + character.len_utf8();
            if end >= self.bytes.len() {
                return Err(fmt::Error);
            }
            let mut utf8 = [0; 4];
            for (slot, byte) in self.bytes[self.len..end].iter_mut().zip(character.encode_utf8(&mut utf8).bytes()) {
                *slot = byte as c_char;
            }
            self.len = end;
        }
        Ok(())
    }
}

/// A reference to what a pointer from C points to.
///
/// # Safety
/// The pointer is null or valid and aligned for `'a`, and nothing writes there meanwhile.
pub(crate) unsafe fn borrow<'a, T>(pointer: *const T, name: &'static str) -> Result<&'a T, Failure> {
    // SAFETY: the caller's promise.
    unsafe { pointer.as_ref() }.ok_or(Failure::argument(name))
}

/// Stores a result where C asked for it.
///
/// # Safety
/// The pointer is null or valid for writing and aligned.
pub(crate) unsafe fn store<T>(pointer: *mut T, value: T, name: &'static str) -> Result<(), Failure> {
    if pointer.is_null() {
        return Err(Failure::argument(name));
    }
    // SAFETY: not null, and the caller's promise.
    unsafe { pointer.write(value) };
    Ok(())
}

/// A list from C; null is the empty list.
///
/// # Safety
/// The pointer is valid for `count` elements for `'a`, and nothing writes there meanwhile.
pub(crate) unsafe fn list<'a, T>(pointer: *const T, count: usize, name: &'static str) -> Result<&'a [T], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    let fits = count.checked_mul(size_of::<T>()).is_some_and(|bytes| bytes <= isize::MAX as usize);
    if pointer.is_null() || !pointer.is_aligned() || !fits {
        return Err(Failure::argument(name));
    }
    // SAFETY: not null, aligned, of a possible length, and the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// A list from C that will be written; null is the empty list.
///
/// # Safety
/// As for [`list`], and nothing else reads or writes there for `'a`.
pub(crate) unsafe fn list_mut<'a>(pointer: *mut u8, count: usize, name: &'static str) -> Result<&'a mut [u8], Failure> {
    if count == 0 {
        return Ok(&mut []);
    }
    if pointer.is_null() || count > isize::MAX as usize {
        return Err(Failure::argument(name));
    }
    // SAFETY: not null, of a possible length, and the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, count) })
}

/// Text from C.
///
/// # Safety
/// The pointer is null or a string that ends with a zero byte, for `'a`.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, name: &'static str) -> Result<&'a str, Failure> {
    if pointer.is_null() {
        return Err(Failure::argument(name));
    }
    // SAFETY: not null, and the caller's promise.
    unsafe { CStr::from_ptr(pointer) }.to_str().map_err(|_| Failure::argument(name))
}

/// `m4c_code_message` of the header.
#[unsafe(no_mangle)]
pub extern "C" fn m4c_code_message(code: u32) -> *const c_char {
    MESSAGES.iter().find(|(known, _)| *known == code).map_or(c"unknown code", |(_, message)| message).as_ptr()
}

/// The messages of [`Code`] as C strings; a test compares them.
const MESSAGES: &[(u32, &CStr)] = &[
    (0, c"no error"),
    (100, c"the file is not an m4c artifact"),
    (101, c"the format version of the artifact is not supported by this runtime"),
    (102, c"the file is shorter or longer than its header says"),
    (103, c"the header does not match its hash"),
    (104, c"the description does not match its hash"),
    (105, c"a segment does not match its hash"),
    (106, c"the description contradicts itself"),
    (200, c"the artifact has no such program"),
    (201, c"a symbol needs an upper bound"),
    (202, c"a bound lies outside the range of its symbol"),
    (203, c"the executor has no kernel of this name"),
    (204, c"no executor of this name was given"),
    (205, c"the program is too large for these bounds on this device"),
    (206, c"the arena is smaller than the session needs"),
    (207, c"a kernel refuses its step"),
    (208, c"an axis of a state needs an upper bound"),
    (209, c"a bound does not fit the states"),
    (210, c"M4RT_ISA names an instruction set that is not available"),
    (300, c"the number of inputs or outputs is wrong"),
    (301, c"the program has no input, output or symbol of this name"),
    (302, c"the type of an input is wrong"),
    (303, c"the number of dimensions of an input is wrong"),
    (304, c"a size of an input does not fit"),
    (305, c"the sizes violate a condition of the program"),
    (306, c"a size lies outside the bounds of the session"),
    (307, c"a buffer does not have the length that its tensor needs"),
    (308, c"a buffer is not aligned"),
    (309, c"the sizes of the inputs are not bound"),
    (310, c"the program works on the states of its artifact"),
    (311, c"a state holds nothing yet"),
    (312, c"a state has no room for what the run adds"),
    (313, c"a size of a state does not fit"),
    (314, c"a state has changed since its sizes were bound"),
    (315, c"the sizes of an output are only known after a run"),
    (400, c"the run was canceled"),
    (401, c"an index in the data is out of range"),
    (402, c"a kernel failed"),
    (403, c"a size that the data decides lies outside its bounds"),
    (500, c"the file cannot be read, or a thread cannot be started"),
    (501, c"an argument is null or invalid"),
    (502, c"the runtime has a bug"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_message_and_its_name_in_the_header() {
        let header = include_str!("../include/m4c.h");
        assert_eq!(MESSAGES.len(), Code::ALL.len() + 1);
        for (&code, (number, message)) in Code::ALL.iter().zip(&MESSAGES[1..]) {
            assert_eq!((code as u32, Ok(code.message())), (*number, message.to_str()));
            let mut name = String::from("M4C");
            for letter in format!("{code:?}").chars() {
                if letter.is_uppercase() {
                    name.push('_');
                }
                name.push(letter.to_ascii_uppercase());
            }
            assert!(header.contains(&format!("{name} = {number}")), "{name} is missing in the header");
        }
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let mut bytes = [1; 6];
        assert!(CText::new(&mut bytes).write_str("ab\u{e9}\u{e9}").is_err());
        assert_eq!(bytes.map(|byte| byte as u8), *b"ab\xc3\xa9\0\0");
    }
}
