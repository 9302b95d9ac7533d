"""AVI-Talking: speech becomes a sentence about the face, and the sentence a face that says it.

"Towards Audio-Visual Instruction for Expressive 3D Talking Face Generation" (doctoral thesis of
Yasheng Sun, chapter 5).

    speech A ─speech encoder─▶ ─Q-Former─▶ F_si^a ─linear─▶ audio prompt ┐
                                              BOS, prompt, request ─LLaMA─▶ visual instruction
    instruction ─text encoder─▶ ─MLP─▶ c ; noise ─F_theta, 64 DDIM steps─▶ style z   (Eqs. 5.2-5.4)
    speech A ─content network─▶ ─convolutions─▶ content ┐
                                     content, z ─generator─▶ (theta, psi) ─▶ face
"""

TALKER = "vivavoce.systems.avi_talking.talker:AviTalking"
TRAINING = "vivavoce.train.avi_talking.training:AviTraining"
