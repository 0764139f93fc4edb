/// The engine that the runner drives everywhere but in its own tests.
extension Simulation: SimulationEngine {}
