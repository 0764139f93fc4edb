@testable import Inference

/// A safetensors model's parameters, so that its family can describe it.
struct ConfigurationParameters: ModelParameterSource {
    let configuration: SafetensorsConfiguration

    func name(of parameter: ModelParameter) -> String { "\(configuration.architecture).\(parameter.rawValue)" }
    private func value(_ parameter: ModelParameter) -> JSONValue? { configuration.values[name(of: parameter)] }

    func integer(_ parameter: ModelParameter) -> UInt64? { value(parameter)?.integer.map { UInt64($0) } }
    func integers(_ parameter: ModelParameter) -> [Int64]? {
        value(parameter)?.array?.compactMap { $0.integer.map { Int64($0) } }
    }
    func real(_ parameter: ModelParameter) -> Double? { value(parameter)?.real }
    func bool(_ parameter: ModelParameter) -> Bool? { value(parameter)?.bool }
    func string(_ parameter: ModelParameter) -> String? { value(parameter)?.string }
}

extension SafetensorsConfiguration {
    func hyperparameters(_ convention: StorageConvention = .gguf) throws -> Hyperparameters {
        try Family.describe(
            ModelParameters(
                architecture: architecture, convention: convention,
                source: ConfigurationParameters(configuration: self),
                vocabularySize: vocabularySize, tiedEmbeddings: tiedEmbeddings,
                tensors: Dictionary(
                    uniqueKeysWithValues: sharedTensors.map {
                        (ModelTensor(rawValue: $0.key) ?? .ropeDivisors, $0.value)
                    })
            ))
    }
}
