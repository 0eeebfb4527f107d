//! A program of an opened artifact: what it takes, what it gives, and what it needs.

use alloc::string::String;

use m4c_format::program::Port;
use m4c_format::{Artifact, DType, StateUse, expression};

use crate::error::{Code, Error};

/// A handle to a program; cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    pub(crate) artifact: &'a Artifact<'a>,
    pub(crate) tables: &'a m4c_format::Program,
}

/// A size of an input or output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dim {
    /// Always this size.
    Fixed(i64),
    /// The expression with this number, which [`Program::render`] makes readable.
    Symbolic(u32),
}

impl<'a> Program<'a> {
    /// The program with this name.
    ///
    /// # Errors
    /// [`Code::NoSuchProgram`].
    pub fn find(artifact: &'a Artifact<'a>, name: &str) -> Result<Program<'a>, Error> {
        Ok(Program { artifact, tables: artifact.program(name)? })
    }

    /// The program with this number.
    ///
    /// # Errors
    /// [`Code::NoSuchProgram`].
    pub fn nth(artifact: &'a Artifact<'a>, index: usize) -> Result<Program<'a>, Error> {
        let tables = artifact.programs().get(index).ok_or(Error::new(Code::NoSuchProgram))?;
        Ok(Program { artifact, tables })
    }

    /// The artifact that the program is of.
    pub fn artifact(&self) -> &'a Artifact<'a> {
        self.artifact
    }

    /// The name, unique in the artifact.
    pub fn name(&self) -> &'a str {
        self.tables.name()
    }

    /// The checked tables of the artifact.
    pub fn tables(&self) -> &'a m4c_format::Program {
        self.tables
    }

    /// What the caller passes, in the order of [`Session::bind`](crate::Session::bind).
    pub fn inputs(&self) -> &'a [Port] {
        self.tables.inputs()
    }

    /// What the caller gets, in the order of [`Session::run`](crate::Session::run).
    pub fn outputs(&self) -> &'a [Port] {
        self.tables.outputs()
    }

    /// The number of the input with this name.
    ///
    /// # Errors
    /// [`Code::WrongName`].
    pub fn input(&self, name: &str) -> Result<usize, Error> {
        position(self.inputs(), name)
    }

    /// The number of the output with this name.
    ///
    /// # Errors
    /// [`Code::WrongName`].
    pub fn output(&self, name: &str) -> Result<usize, Error> {
        position(self.outputs(), name)
    }

    /// The states that the program reads or writes.
    pub fn states(&self) -> &'a [StateUse] {
        self.tables.states()
    }

    /// The number of the state that replaced the input or output with this name.
    ///
    /// # Errors
    /// [`Code::WrongName`].
    pub fn state(&self, name: &str) -> Result<usize, Error> {
        let named = |port: &Option<Port>| port.as_ref().is_some_and(|port| port.name == name);
        let found = self.states().iter().find(|used| named(&used.read) || named(&used.write));
        found.map(|used| used.state as usize).ok_or(Error::new(Code::WrongName))
    }

    /// The number of the symbol with this name.
    ///
    /// # Errors
    /// [`Code::WrongName`].
    pub fn symbol(&self, name: &str) -> Result<usize, Error> {
        self.tables.symbols().iter().position(|symbol| symbol.name == name).ok_or(Error::new(Code::WrongName))
    }

    /// Checks that the caller's type for an input is the program's.
    ///
    /// # Errors
    /// [`Code::WrongInputCount`] where there is no such input, [`Code::WrongDtype`].
    pub fn expect_dtype(&self, input: usize, dtype: DType) -> Result<(), Error> {
        let port = self.inputs().get(input).ok_or(Error::new(Code::WrongInputCount))?;
        if port.dtype == dtype { Ok(()) } else { Err(Error::at(Code::WrongDtype, input as u32)) }
    }

    /// What the number in a port's `dims` stands for.
    pub fn dim(&self, expr: u32) -> Dim {
        expression::constant(self.tables.expr(expr)).map_or(Dim::Symbolic(expr), Dim::Fixed)
    }

    /// An expression for people, with the names of symbols.
    pub fn render(&self, expr: u32) -> String {
        self.tables.render(expr)
    }
}

fn position(ports: &[Port], name: &str) -> Result<usize, Error> {
    ports.iter().position(|port| port.name == name).ok_or(Error::new(Code::WrongName))
}
