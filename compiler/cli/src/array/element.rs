//! Types of stored elements, and NumPy's names of them.

use super::Array;
use crate::aligned::Aligned;
use m4c_ops::DType;

/// The type of a stored array's elements.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Element {
    /// One that programs have.
    Known(DType),
    /// A number that programs take in another type, as files of models with such numbers are compiled, and NumPy's name.
    Carried(m4c_ops::Element, &'static str),
}

/// `<V2` is how arrays of `bfloat16` (of the Python package ml_dtypes) are saved.
const KNOWN: &[(&str, DType)] = &[
    ("|b1", DType::Bool),
    ("|i1", DType::I8),
    ("|u1", DType::U8),
    ("<i2", DType::I16),
    ("<i4", DType::I32),
    ("<i8", DType::I64),
    ("<f2", DType::F16),
    ("<V2", DType::BF16),
    ("<f4", DType::F32),
];

const CARRIED: &[(&str, m4c_ops::Element, &str)] = &[
    ("<u2", m4c_ops::Element::Uint16, "uint16"),
    ("<u4", m4c_ops::Element::Uint32, "uint32"),
    ("<u8", m4c_ops::Element::Uint64, "uint64"),
    ("<f8", m4c_ops::Element::Double, "float64"),
];

impl Element {
    /// The type behind a type descriptor; `None` for objects, texts, records, complex numbers and the other byte order.
    pub(crate) fn parse(descriptor: &str) -> Option<Element> {
        // One byte has no order, and NumPy has written all of these marks for it.
        let (order, rest) = descriptor.split_at_checked(1)?;
        let same = |name: &str| {
            let order_fits = match rest {
                "b1" | "i1" | "u1" => ["|", "<", "=", ">"].contains(&order),
                "V2" => ["|", "<"].contains(&order),
                _ => order == "<" || order == "=" && cfg!(target_endian = "little"),
            };
            name[1..] == *rest && order_fits
        };
        if let Some((_, dtype)) = KNOWN.iter().find(|(name, _)| same(name)) {
            return Some(Element::Known(*dtype));
        }
        let carried = CARRIED.iter().find(|(name, ..)| same(name));
        carried.map(|(_, element, name)| Element::Carried(*element, name))
    }

    /// Bits of an element in the file.
    pub(crate) fn bits(&self) -> usize {
        match self {
            Element::Known(dtype) => dtype.bits(),
            Element::Carried(element, _) => element.bits(),
        }
    }

    /// NumPy's name of the type, where arrays have another.
    pub(crate) fn converted_from(&self) -> Option<&'static str> {
        match self {
            Element::Carried(_, name) => Some(name),
            Element::Known(_) => None,
        }
    }

    /// The array of these bytes, of which there are as many as the shape needs.
    ///
    /// # Errors
    /// Where the shape is too large.
    pub(crate) fn array(&self, shape: Vec<usize>, bytes: &[u8]) -> Result<Array, String> {
        let dtype = match self {
            Element::Known(dtype) => *dtype,
            Element::Carried(element, _) => {
                let tensor = m4c_ops::element::carried(*element, shape, bytes);
                return tensor.and_then(|tensor| Array::from_tensor(&tensor)).ok_or("its shape is too large".into());
            }
        };
        let mut bytes = Aligned::copy_of(bytes);
        if dtype == DType::Bool {
            bytes.bytes_mut().iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
        }
        Ok(Array { dtype, shape, bytes })
    }
}

/// The type descriptor of a storage type; 4-bit types have none.
pub(crate) fn descriptor(dtype: DType) -> Option<&'static str> {
    KNOWN.iter().find(|(_, known)| *known == dtype).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_read_back() {
        for (name, dtype) in KNOWN {
            assert_eq!(Element::parse(name), Some(Element::Known(*dtype)));
            assert_eq!(descriptor(*dtype), Some(*name));
        }
        assert_eq!(Element::parse("|V2"), Some(Element::Known(DType::BF16)));
        assert_eq!(Element::parse("<f8"), Some(Element::Carried(m4c_ops::Element::Double, "float64")));
        for other in ["", "f", ">f4", "|O", "<U5", "<c8", "<V3", "<f4x", "é4"] {
            assert_eq!(Element::parse(other), None, "{other}");
        }
    }
}
