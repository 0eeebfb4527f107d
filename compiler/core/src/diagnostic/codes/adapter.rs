//! 03xx: adapters.

use crate::diagnostic::code::codes;

codes! {
    ADAPTER_UNREADABLE = 301 {
        title: "an adapter cannot be read",
        explanation: "An adapter is a folder as peft saves it: `adapter_config.json` says what it is, \
                      `adapter_model.safetensors` has its tensors. One of them is missing, cut short, or not in its format.",
        example: "a folder with adapter_model.bin in place of adapter_model.safetensors",
        remedy: "Save it again with `model.save_pretrained(FOLDER)`; peft writes safetensors unless it is told not to.",
    }
    ADAPTER_UNSUPPORTED = 302 {
        title: "an adapter is of a kind that m4c does not apply",
        explanation: "m4c applies changes of low rank (LoRA): W + s * B * A. The configuration names another kind, or asks for \
                      more than such a change; the message says what.",
        example: "use_dora: true",
        remedy: "Merge the adapter with peft (`model.merge_and_unload()`) and export the model, or train plain LoRA.",
    }
    ADAPTER_INCONSISTENT = 303 {
        title: "an adapter contradicts itself",
        explanation: "Its tensors do not fit each other or its configuration: half of a pair is missing, ranks differ, a matrix \
                      has other than two axes, or an element is no finite number.",
        example: "lora_A of [8, 4096] beside lora_B of [4096, 4]",
        remedy: "Save it again; a training run that went to NaN must be repeated.",
    }
    ADAPTER_HOMELESS = 304 {
        title: "an adapter changes a module that the model does not have",
        explanation: "Tensors of an adapter name the modules that they change. m4c finds modules by the names that exporters leave on \
                      nodes, with or without what stands in front; no program of the model has one of that name.",
        example: "an adapter for `model.layers.0.self_attn.q_proj` with a model whose modules are `layers.0.attention.query`",
        remedy: "Use the adapter with the model that it was trained for, and export that model with the names of its modules: \
                 both exporters of PyTorch write them, and optimizers that drop node names lose them.",
    }
    ADAPTER_SIZES = 305 {
        title: "an adapter does not fit a module of the model",
        explanation: "The model has a module of that name, but its weight has other sizes than the change.",
        example: "a change of 4096 inputs and 4096 outputs for a weight of [2048, 2048]",
        remedy: "Use the adapter with the model that it was trained for.",
    }
    ADAPTER_AMBIGUOUS = 306 {
        title: "an adapter's module may be several of the model",
        explanation: "The name of a module is the end of several names in the model, or one module has several weights of the same sizes.",
        example: "`layers.0.q_proj` with a model that has `text.layers.0.q_proj` and `vision.layers.0.q_proj`",
        remedy: "Rename the tensors of the adapter so that they name the module from the model's root.",
    }
}
