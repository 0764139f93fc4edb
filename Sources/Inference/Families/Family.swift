/// A family of models: how the parameters of one become the description of its layers.
///
/// To add one, write a file with an `extension Family` beside this one and name it in `all`. What the forward pass can
/// compute is what `LayerDescription` can say; what it cannot must be refused here, because left out silently it would
/// give fluent nonsense.
struct Family: Sendable {
    /// The values of GGUF's `general.architecture` that it answers to.
    let architectures: [String]
    let describe: @Sendable (ModelParameters) throws(ModelFileError) -> Hyperparameters

    static let all: [Family] = [.llama, .qwen, .gemma, .phi, .lfm2]

    static var supportedArchitectures: [String] { all.flatMap(\.architectures) }

    static func describe(_ parameters: ModelParameters) throws(ModelFileError) -> Hyperparameters {
        guard let family = all.first(where: { $0.architectures.contains(parameters.architecture) }) else {
            throw .unsupportedArchitecture(parameters.architecture, supported: supportedArchitectures)
        }
        let model = try family.describe(parameters)
        try parameters.check(model)
        return model
    }
}
