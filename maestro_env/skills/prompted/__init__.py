"""Skills of models behind endpoints: workflows of prompts. They know no server."""
